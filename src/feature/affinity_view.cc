// Affinity: the share of the user's decayed interactions that fall on this candidate's category (or band of a number).
// Distance: how far this candidate's number lies from the user's usual one, in standard deviations of what the user
// touched.
#include <algorithm>
#include <cmath>

#include "feature/feature_set.h"

namespace gfr {
namespace {

struct Share {
  Key key;  // 0: empty.
  double weight;
};
struct Header {
  std::int64_t at_ms;  // The weights' instant.
  double total;
};

class AffinityView final : public FeatureView {
 public:
  AffinityView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        property_(static_cast<std::size_t>(f.item_property)),
        bands_(f.bands),
        half_life_ms_(static_cast<double>(f.half_life_ms)),
        capacity_(f.capacity) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const Key key = KeyOfValue(line.item_properties[property_]);
    if (key == 0) return;
    Header& header = *reinterpret_cast<Header*>(state);
    const std::span<Share> shares(reinterpret_cast<Share*>(state + sizeof(Header)), capacity_);
    const std::int64_t at = std::max(line.time_ms, header.at_ms);
    if (header.total != 0 && at > header.at_ms) {
      const double decay = Exp2(-static_cast<double>(at - header.at_ms) / half_life_ms_);
      for (Share& s : shares) s.weight *= decay;
      header.total *= decay;
    }
    header.at_ms = at;
    header.total += 1.0;
    auto slot = std::ranges::find(shares, key, &Share::key);
    if (slot == shares.end()) {
      slot = std::ranges::find(shares, Key{0}, &Share::key);
      if (slot == shares.end()) {  // Full: the smallest weight goes, ties by key.
        slot = std::ranges::min_element(shares, [](const Share& a, const Share& b) {
          return a.weight != b.weight ? a.weight < b.weight : a.key < b.key;
        });
      }
      *slot = {key, 0.0};
    }
    slot->weight += 1.0;
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const Key key = KeyOfValue(c.item_property(i, property_));
      const auto* header = reinterpret_cast<const Header*>(states.rows[i]);
      if (key == 0 || !header || header->total == 0) continue;
      const std::span<const Share> shares(reinterpret_cast<const Share*>(states.rows[i] + sizeof(Header)), capacity_);
      const auto share = std::ranges::find(shares, key, &Share::key);
      out[i] = share == shares.end() ? 0.0f : RowValue(share->weight / header->total);
    }
  }

 private:
  Key KeyOfValue(const PropertyValue& v) const noexcept {
    if (bands_.empty()) return v.category;
    if (std::isnan(v.number)) return 0;
    return 1 + static_cast<Key>(std::ranges::upper_bound(bands_, v.number) - bands_.begin());
  }
  const EventFilter events_;
  const std::size_t property_;
  const std::vector<double> bands_;
  const double half_life_ms_;
  const std::uint32_t capacity_;
};

class DistanceView final : public FeatureView {
 public:
  struct State {  // Welford's running mean and sum of squares of log2 of the number.
    double count, mean, squares;
  };
  DistanceView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)), events_(f.events), property_(static_cast<std::size_t>(f.item_property)) {}
  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const double number = line.item_properties[property_].number;
    if (!(number > 0) || !std::isfinite(number)) return;
    State& s = *reinterpret_cast<State*>(state);
    const double x = Log2(number), delta = x - s.mean;
    s.count += 1;
    s.mean += delta / s.count;
    s.squares += delta * (x - s.mean);
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const auto* s = reinterpret_cast<const State*>(states.rows[i]);
      const double number = c.item_property(i, property_).number;
      if (!s || s->count < 1 || !(number > 0) || !std::isfinite(number)) continue;
      // One doubling of the price counts as a deviation until the user's own is known (prior of two observations).
      const double deviation = std::sqrt((s->squares + 0.5) / (s->count + 1.0));
      out[i] = RowValue((Log2(number) - s->mean) / deviation);
    }
  }

 private:
  const EventFilter events_;
  const std::size_t property_;
};

}  // namespace

MadeView MakeAffinityView(const FeatureConfig& f) {
  if (f.scope != Scope::kUser && f.scope != Scope::kSession)
    return Error{ErrorCode::kInvalidArgument, "scope is missing; valid are user and session"};
  if (f.events.types == 0) return Error{ErrorCode::kInvalidArgument, "events is empty; name at least one event type"};
  if (f.item_property < 0)
    return Error{ErrorCode::kInvalidArgument, "property '" + f.property + "' is not declared in [item]"};
  if (f.type == "distance")
    return std::shared_ptr<const FeatureView>(
        std::make_shared<DistanceView>(SpecOf(f, sizeof(DistanceView::State)), f));
  if (!f.categorical && f.bands.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "'" + f.property + "' is a number: bands is missing, a rising list of their edges"};
  if (!std::ranges::is_sorted(f.bands)) return Error{ErrorCode::kInvalidArgument, "bands must rise"};
  if (f.half_life_ms <= 0)
    return Error{ErrorCode::kInvalidArgument, "half_life is missing, valid is a duration above 0"};
  return std::shared_ptr<const FeatureView>(std::make_shared<AffinityView>(
      SpecOf(f, static_cast<std::uint32_t>(sizeof(Header) + f.capacity * sizeof(Share))), f));
}

}  // namespace gfr
