// Affinity: the share of the user's decayed interactions that fall on this candidate's category (or band of a number),
// each counted with its event's weight.
//
// State: the total weight and that of `capacity` categories; when full the lightest is forgotten, ties by key, and
// stays in the total. A late event enters undecayed. Merge: both decayed to the later instant; totals and weights of a
// category add up; the heaviest `capacity` stay. The share of the whole history, to rounding, while nothing was
// forgotten. Symmetric.
#include <algorithm>
#include <array>
#include <cmath>

#include "feature/affinity_state.h"
#include "feature/feature_types.h"

namespace gfr {
namespace {

constexpr std::uint32_t kMaxAffinities = 1024;

using Share = AffinitySlot;

class AffinityView final : public FeatureView {
 public:
  AffinityView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        property_(static_cast<std::size_t>(f.item_property)),
        bands_(f.bands),
        weights_(f.weights),
        half_life_ms_(static_cast<double>(f.half_life_ms)),
        capacity_(f.capacity) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || !events_.Counts(line)) return;
    const Key key = CategoryOrBand(line.item_properties[property_], bands_);
    if (key == 0) return;
    AffinityHeader& header = *reinterpret_cast<AffinityHeader*>(state);
    const std::span<Share> shares = Shares(state);
    DecayTo(std::max(line.time_ms, header.at_ms), header, shares);
    const double weight = weights_.empty() ? 1.0 : weights_[static_cast<std::size_t>(line.type)];
    header.total += weight;
    auto slot = std::ranges::find(shares, key, &Share::key);
    if (slot == shares.end()) {
      slot = std::ranges::find(shares, Key{0}, &Share::key);
      if (slot == shares.end()) slot = std::ranges::min_element(shares, Lighter);  // Full: the lightest goes.
      *slot = {key, 0.0};
    }
    slot->weight += weight;
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    AffinityHeader a = *reinterpret_cast<const AffinityHeader*>(from);
    AffinityHeader& header = *reinterpret_cast<AffinityHeader*>(into);
    std::array<Share, 2 * kMaxAffinities> joined;
    std::copy_n(reinterpret_cast<const Share*>(from + sizeof(AffinityHeader)), capacity_, joined.begin());
    const std::span<Share> theirs(joined.data(), capacity_), shares = Shares(into);
    const std::int64_t at = std::max(a.at_ms, header.at_ms);
    DecayTo(at, a, theirs);
    DecayTo(at, header, shares);
    header.total += a.total;
    std::size_t n = capacity_;
    for (const Share& share : shares) {
      const auto same = std::ranges::find(theirs, share.key, &Share::key);
      if (share.key != 0 && same != theirs.end())
        same->weight += share.weight;
      else
        joined[n++] = share;
    }
    // Empty places have weight 0 and come last.
    std::sort(joined.begin(), joined.begin() + n, [](const Share& x, const Share& y) { return Lighter(y, x); });
    std::copy_n(joined.begin(), capacity_, shares.begin());
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const Key key = CategoryOrBand(c.item_property(i, property_), bands_);
      const auto* header = reinterpret_cast<const AffinityHeader*>(states.rows[i]);
      if (key == 0 || !header || header->total == 0) continue;
      const std::span<const Share> shares(reinterpret_cast<const Share*>(states.rows[i] + sizeof(AffinityHeader)),
                                          capacity_);
      const auto share = std::ranges::find(shares, key, &Share::key);
      out[i] = share == shares.end() ? 0.0f : RowValue(share->weight / header->total);
    }
  }

 private:
  static bool Lighter(const Share& a, const Share& b) noexcept {
    return a.weight != b.weight ? a.weight < b.weight : a.key < b.key;
  }
  std::span<Share> Shares(std::byte* state) const noexcept {
    return {reinterpret_cast<Share*>(state + sizeof(AffinityHeader)), capacity_};
  }
  void DecayTo(std::int64_t at_ms, AffinityHeader& header, std::span<Share> shares) const noexcept {
    if (header.total != 0 && at_ms > header.at_ms) {
      const double decay = Exp2(-static_cast<double>(at_ms - header.at_ms) / half_life_ms_);
      for (Share& s : shares) s.weight *= decay;
      header.total *= decay;
    }
    header.at_ms = at_ms;
  }
  const EventFilter events_;
  const std::size_t property_;
  const std::vector<double> bands_;
  const std::vector<std::uint16_t> weights_;  // One an event type; empty: 1.
  const double half_life_ms_;
  const std::uint32_t capacity_;
};

}  // namespace

Key CategoryOrBand(const PropertyValue& v, std::span<const double> bands) {
  if (bands.empty()) return v.category;
  if (std::isnan(v.number)) return 0;
  return 1 + static_cast<Key>(std::ranges::upper_bound(bands, v.number) - bands.begin());
}

Status CheckBands(const FeatureConfig& f) {
  if (!f.categorical && f.bands.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "'" + f.property + "' is a number: bands is missing; valid is a rising list of their edges"};
  if (f.categorical && !f.bands.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "'" + f.property + "' is a category: bands are of a number; leave them out"};
  if (!std::ranges::is_sorted(f.bands))
    return Error{ErrorCode::kInvalidArgument, "bands do not rise; valid is a rising list of their edges"};
  return {};
}

namespace {

MadeView MakeAffinityView(const FeatureConfig& f) {
  if (const Status bands = CheckBands(f); !bands.ok()) return bands.error();
  return std::shared_ptr<const FeatureView>(std::make_shared<AffinityView>(
      SpecOf(f, static_cast<std::uint32_t>(sizeof(AffinityHeader) + f.capacity * sizeof(Share))), f));
}

constexpr FeatureRead kAffinityReads[] = {
    {nullptr, "property scope events [kinds] half_life [capacity] [bands] [weights]", ScopeRule::kUserOrSession,
     PropertyRule::kItem, 0,
     "share of the user's decayed interactions that fall on the candidate's category (or band of the number)",
     "the candidate has no such property, or no item with one was touched"}};
constexpr FeatureType kAffinityTypes[] = {
    {.name = "affinity", .make = MakeAffinityView, .reads = kAffinityReads, .capacity_of = " heaviest"}};

}  // namespace

std::span<const FeatureType> AffinityTypes() { return kAffinityTypes; }

}  // namespace gfr
