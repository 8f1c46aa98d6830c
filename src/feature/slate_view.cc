// Slate: a candidate among the candidates it came with: its supplied rank, its price, its place relative to the item
// touched last.
//
// Who reads a list downward compares a price with those already read: price_over_min_above is 1 or less for an item
// that is the cheapest so far, price_over_neighbours shows the one that stands out among the two on each side of it.
//
// The item touched last is the one folded last. Merge: that of the later event time, ties by the greater key.
// Symmetric.
#include <algorithm>

#include "feature/feature_types.h"
#include "feature/rank_among.h"

namespace gfr {
namespace {

// In the order of feature_types.cc.
enum Reading {
  kRank,
  kSize,
  kFraction,
  kOverMean,
  kOverMin,
  kPriceRank,
  kOverMinAbove,
  kOverNeighbours,
  kRankFromLast,
  kPriceOverLast,
  kLastInSlate
};
constexpr std::size_t kNeighbours = 2;  // On each side.

struct State {
  Key last_item;  // Touched last by an event that counts.
  std::int64_t time_ms;
};

class SlateView final : public FeatureView {
 public:
  SlateView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)), read_(static_cast<Reading>(f.read_index)), events_(f.events) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    State& s = *reinterpret_cast<State*>(state);
    s = {line.item, std::max(s.time_ms, line.time_ms)};
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const State& other = *reinterpret_cast<const State*>(from);
    State& s = *reinterpret_cast<State*>(into);
    if (other.last_item == 0) return;
    const bool later = other.time_ms != s.time_ms ? other.time_ms > s.time_ms : other.last_item > s.last_item;
    if (s.last_item == 0 || later) s = other;
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::size_t n = c.items.size();
    if (n == 0) return;
    const auto price = [&](std::size_t i) { return c.item_property(i, 0).number; };
    if (read_ == kPriceRank) return ReadPriceRank(c, out);
    double sum = 0, min = 0, above = 0;  // above: the least price of those before a candidate, 0 without one.
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
    for (std::size_t i = 0; i < n; ++i) {
      out[i] =
          Value(c, i, n, priced ? sum / static_cast<double>(priced) : 0, read_ == kOverMinAbove ? above : min, last);
      if (price(i) > 0) above = above > 0 ? std::min(above, price(i)) : price(i);
    }
  }

 private:
  static void ReadPriceRank(const ReadContext& c, Column out) noexcept {
    const auto price = [&](std::size_t i) { return c.item_property(i, 0).number; };
    for (std::size_t i = 0; i < c.items.size(); ++i) out[i] = kMissing;
    RankAmong(c.items.size(), price, [&](std::size_t i, std::size_t rank) {
      if (price(i) > 0) out[i] = static_cast<float>(rank);
    });
  }
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
      case kOverMinAbove:
        return c.supplied && price > 0 && min > 0 ? RowValue(price / min) : kMissing;
      case kOverNeighbours: {
        double sum = 0;
        int priced = 0;
        for (std::size_t j = i - std::min(i, kNeighbours); j < std::min(n, i + kNeighbours + 1); ++j) {
          if (j == i || !(c.item_property(j, 0).number > 0)) continue;
          sum += c.item_property(j, 0).number;
          ++priced;
        }
        return c.supplied && price > 0 && priced > 0 ? RowValue(price / (sum / priced)) : kMissing;
      }
      case kRankFromLast:
        return last < n ? static_cast<float>(i) - static_cast<float>(last) : kMissing;
      case kPriceOverLast:
        return last < n ? RowValue(price / c.item_property(last, 0).number) : kMissing;
      default:
        return last < n ? static_cast<float>(last) : kMissing;
    }
  }
  const Reading read_;
  const EventFilter events_;
};

MadeView MakeSlateView(const FeatureConfig& f) {
  const bool keeps_last = f.read_index >= kRankFromLast;
  return std::shared_ptr<const FeatureView>(std::make_shared<SlateView>(SpecOf(f, keeps_last ? sizeof(State) : 0), f));
}

constexpr char kNoOrder[] = "the caller gave no order";
constexpr char kNoPrice[] = "the candidate has no price";
constexpr char kNoLast[] = "no item was touched, or the one touched last is not among the candidates";
constexpr FeatureRead kSlateReads[] = {
    {"supplied_rank", "", ScopeRule::kRequest, PropertyRule::kNone, 0,
     "place in the order in which the candidates were supplied, from 0", kNoOrder},
    {"size", "", ScopeRule::kRequest, PropertyRule::kNone, 0, "how many candidates there are", "never"},
    {"rank_fraction", "", ScopeRule::kRequest, PropertyRule::kNone, 0, "supplied rank over the number of candidates",
     kNoOrder},
    {"price_over_mean", "", ScopeRule::kRequest, PropertyRule::kNone, 0, "price over the candidates' mean price",
     kNoPrice},
    {"price_over_min", "", ScopeRule::kRequest, PropertyRule::kNone, 0, "price over the candidates' least price",
     kNoPrice},
    {"price_rank", "", ScopeRule::kRequest, PropertyRule::kNone, 0, "how many candidates cost less", kNoPrice},
    {"price_over_min_above", "", ScopeRule::kRequest, PropertyRule::kNone, 0,
     "price over the least price of the candidates supplied above it",
     "the caller gave no order, the candidate has no price, or none above it has"},
    {"price_over_neighbours", "", ScopeRule::kRequest, PropertyRule::kNone, 0,
     "price over the mean price of the two candidates above it and the two below",
     "the caller gave no order, or it or all its neighbours have no price"},
    {"rank_from_last", kEventKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "places below the item touched last (above: negative)", kNoLast},
    {"price_over_last", kEventKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "price over that of the item touched last",
     "no item was touched, the one touched last is not among the candidates, or one has no price"},
    {"last_in_slate", kEventKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "place of the item touched last, for every candidate", kNoLast}};
std::string SlateInputs(const FeatureConfig& f) {
  return f.read.starts_with("price") ? "the candidates' prices" : "the candidates' order";
}
constexpr FeatureType kSlateTypes[] = {
    {.name = "slate", .make = MakeSlateView, .reads = kSlateReads, .inputs = SlateInputs}};

}  // namespace

std::span<const FeatureType> SlateTypes() { return kSlateTypes; }

}  // namespace gfr
