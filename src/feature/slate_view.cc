// Slate: a candidate among the candidates it came with: its supplied rank, its price, its place relative to the item
// touched last.
#include <algorithm>

#include "feature/feature_set.h"

namespace gfr {
namespace {

constexpr const char* kReads[] = {"supplied_rank",  "size",       "rank_fraction",  "price_over_mean",
                                  "price_over_min", "price_rank", "rank_from_last", "price_over_last",
                                  "last_in_slate"};
enum Read_ { kRank, kSize, kFraction, kOverMean, kOverMin, kPriceRank, kRankFromLast, kPriceOverLast, kLastInSlate };

struct State {
  Key last_item;  // Touched last by an event that counts.
};

class SlateView final : public FeatureView {
 public:
  SlateView(FeatureSpec spec, int read, EventFilter events)
      : FeatureView(std::move(spec)), read_(read), events_(std::move(events)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item != 0 && events_.Counts(line)) reinterpret_cast<State*>(state)->last_item = line.item;
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::size_t n = c.items.size();
    if (n == 0) return;
    const auto price = [&](std::size_t i) { return c.item_property(i, 0).number; };
    double sum = 0, min = 0;
    std::size_t priced = 0, last = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (price(i) > 0) {
        min = priced == 0 ? price(i) : std::min(min, price(i));
        sum += price(i);
        ++priced;
      }
    }
    if (read_ >= kRankFromLast && states.rows[0]) {
      const Key item = reinterpret_cast<const State*>(states.rows[0])->last_item;
      if (item != 0) last = static_cast<std::size_t>(std::ranges::find(c.items, item) - c.items.begin());
    }
    for (std::size_t i = 0; i < n; ++i)
      out[i] = Value(c, i, n, priced ? sum / static_cast<double>(priced) : 0, min, last);
  }

 private:
  float Value(const ReadContext& c, std::size_t i, std::size_t n, double mean, double min,
              std::size_t last) const noexcept {
    const double price = c.item_property(i, 0).number;
    switch (read_) {
      case kRank:
        return c.supplied ? static_cast<float>(i) : kMissing;
      case kSize:
        return static_cast<float>(n);
      case kFraction:
        return c.supplied ? static_cast<float>(i) / static_cast<float>(n) : kMissing;
      case kOverMean:
        return price > 0 ? RowValue(price / mean) : kMissing;
      case kOverMin:
        return price > 0 ? RowValue(price / min) : kMissing;
      case kPriceRank: {
        if (!(price > 0)) return kMissing;
        int below = 0;
        for (std::size_t j = 0; j < n; ++j) below += c.item_property(j, 0).number < price;
        return static_cast<float>(below);
      }
      case kRankFromLast:
        return last < n ? static_cast<float>(i) - static_cast<float>(last) : kMissing;
      case kPriceOverLast:
        return last < n ? RowValue(price / c.item_property(last, 0).number) : kMissing;
      default:
        return last < n ? static_cast<float>(last) : kMissing;
    }
  }
  const int read_;
  const EventFilter events_;
};

}  // namespace

MadeView MakeSlateView(const FeatureConfig& f) {
  for (int k = 0; k < static_cast<int>(std::size(kReads)); ++k) {
    if (f.read != kReads[k]) continue;
    FeatureConfig config = f;
    if (k < kRankFromLast)
      config.scope = Scope::kRequest;
    else if (f.scope != Scope::kUser && f.scope != Scope::kSession)
      return Error{ErrorCode::kInvalidArgument, "read = \"" + f.read + "\" needs scope session or user"};
    else if (f.events.types == 0)
      return Error{ErrorCode::kInvalidArgument, "events is empty; name what counts as a touch"};
    return std::shared_ptr<const FeatureView>(
        std::make_shared<SlateView>(SpecOf(config, k < kRankFromLast ? 0 : sizeof(State)), k, f.events));
  }
  std::string valid;
  for (const char* read : kReads) valid += (valid.empty() ? "" : ", ") + std::string(read);
  return Error{ErrorCode::kInvalidArgument, "read is '" + f.read + "'; valid are " + valid};
}

}  // namespace gfr
