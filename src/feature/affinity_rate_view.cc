// The category affinity rate (feature type `taste`): the user's rate of events per impression in this candidate's
// category (or band of a number), each count halving every half-life, shrunk towards the user's rate over all
// categories, which is shrunk towards the parent's.
//
//   own  = (events + prior_weight * parent) / (denominator + prior_weight)        of all categories
//   rate = (events of the category + prior_weight * own) / (denominator of the category + prior_weight)
// An affinity says where a user's clicks fell; where a feed shows more of what was clicked, that follows the feed. This
// rate says what the user did with what they were shown.
//
// State: both decayed counts, and those of `capacity` categories; when full the one with the fewest events is
// forgotten, among those the one offered least, ties by key, and stays in the totals. A late event enters undecayed.
// Merge: both decayed to the later instant; counts add up; the `capacity` with the most events stay. The rates of the
// whole history, to rounding, while nothing was forgotten. Symmetric.
#include <algorithm>
#include <array>
#include <cmath>

#include "feature/affinity_state.h"
#include "feature/decay.h"
#include "feature/feature_types.h"

namespace gfr {
namespace {

constexpr std::uint32_t kMaxCapacity = 1024;

using Tried = TasteSlot;
using Header = TasteHeader;

class AffinityRateView final : public FeatureView {
 public:
  AffinityRateView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        denominator_(f.denominator),
        property_(static_cast<std::size_t>(f.item_property)),
        bands_(f.bands),
        half_life_ms_(static_cast<double>(f.half_life_ms)),
        prior_weight_(f.prior_weight),
        capacity_(f.capacity),
        parent_(f.half_life_ms) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0) return;
    const bool hit = events_.Counts(line), offered = denominator_.Counts(line);
    if (!hit && !offered) return;
    const Key key = CategoryOrBand(line.item_properties[property_], bands_);
    if (key == 0) return;
    Header& header = *reinterpret_cast<Header*>(state);
    const std::span<Tried> all = Slots(state);
    DecayTo(std::max(line.time_ms, header.at_ms), header, all);
    header.events += hit;
    header.offered += offered;
    auto slot = std::ranges::find(all, key, &Tried::key);
    if (slot == all.end()) {
      slot = std::ranges::find(all, Key{0}, &Tried::key);
      if (slot == all.end()) slot = std::ranges::min_element(all, HasLess);
      *slot = {key, 0, 0};
    }
    slot->events += static_cast<float>(hit);
    slot->offered += static_cast<float>(offered);
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    Header a = *reinterpret_cast<const Header*>(from);
    Header& header = *reinterpret_cast<Header*>(into);
    std::array<Tried, 2 * kMaxCapacity> joined;
    std::copy_n(reinterpret_cast<const Tried*>(from + sizeof(Header)), capacity_, joined.begin());
    const std::span<Tried> theirs(joined.data(), capacity_), ours = Slots(into);
    const std::int64_t at = std::max(a.at_ms, header.at_ms);
    DecayTo(at, a, theirs);
    DecayTo(at, header, ours);
    header.events += a.events;
    header.offered += a.offered;
    std::size_t n = capacity_;
    for (const Tried& tried : ours) {
      const auto same = std::ranges::find(theirs, tried.key, &Tried::key);
      if (tried.key != 0 && same != theirs.end()) {
        same->events += tried.events;
        same->offered += tried.offered;
      } else {
        joined[n++] = tried;
      }
    }
    // Empty places come last.
    std::sort(joined.begin(), joined.begin() + n,
              [](const Tried& x, const Tried& y) { return (x.key == 0) != (y.key == 0) ? y.key == 0 : HasLess(y, x); });
    std::copy_n(joined.begin(), capacity_, ours.begin());
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    double whole = kMissing, left = 1;  // Over all values, and what is left of the counts: the same for one user.
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      const std::byte *row = states.rows[i], *shop = ShopOf(states, i);
      if (i == 0 || row != states.rows[i - 1] || shop != ShopOf(states, i - 1)) {
        const auto parent = shop ? parent_.Read(shop, c.epoch_end_ms) : Decay<2>::Values{};
        whole = parent[1] > 0 ? parent[0] / parent[1] : kMissing;
        if (row) {
          const Header& header = *reinterpret_cast<const Header*>(row);
          left = Left(c.now_ms - header.at_ms);
          whole = (header.events * left + prior_weight_ * whole) / (header.offered * left + prior_weight_);
        }
      }
      const Key key = CategoryOrBand(c.item_property(i, property_), bands_);
      if (key == 0 || std::isnan(whole)) continue;
      double own = whole;
      if (row) {
        const std::span<const Tried> all(reinterpret_cast<const Tried*>(row + sizeof(Header)), capacity_);
        if (const auto tried = std::ranges::find(all, key, &Tried::key); tried != all.end())
          own = (tried->events * left + prior_weight_ * own) / (tried->offered * left + prior_weight_);
      }
      out[i] = RowValue(own);
    }
  }

 private:
  static const std::byte* ShopOf(const StateRows& states, std::size_t i) noexcept {
    return i < states.parents.size() ? states.parents[i] : nullptr;
  }
  static bool HasLess(const Tried& a, const Tried& b) noexcept {
    if (a.events != b.events) return a.events < b.events;
    return a.offered != b.offered ? a.offered < b.offered : a.key < b.key;
  }
  std::span<Tried> Slots(std::byte* state) const noexcept {
    return {reinterpret_cast<Tried*>(state + sizeof(Header)), capacity_};
  }
  double Left(std::int64_t ms) const noexcept { return ms > 0 ? Exp2(-static_cast<double>(ms) / half_life_ms_) : 1.0; }
  void DecayTo(std::int64_t at_ms, Header& header, std::span<Tried> all) const noexcept {
    if (header.at_ms != 0 && at_ms > header.at_ms) {
      const double left = Left(at_ms - header.at_ms);
      for (Tried& t : all) t = {t.key, static_cast<float>(t.events * left), static_cast<float>(t.offered * left)};
      header.events *= left;
      header.offered *= left;
    }
    header.at_ms = at_ms;
  }
  const EventFilter events_, denominator_;
  const std::size_t property_;
  const std::vector<double> bands_;
  const double half_life_ms_, prior_weight_;
  const std::uint32_t capacity_;
  const Decay<2> parent_;  // How the parent's rate is kept (rate_view.cc).
};

MadeView MakeAffinityRateView(const FeatureConfig& f) {
  if (const Status bands = CheckBands(f); !bands.ok()) return bands.error();
  if (!(f.prior_weight > 0))
    return Error{ErrorCode::kInvalidArgument,
                 "prior_weight is 0; valid is above: a category never offered has no rate"};
  return std::shared_ptr<const FeatureView>(std::make_shared<AffinityRateView>(
      SpecOf(f, static_cast<std::uint32_t>(sizeof(Header) + f.capacity * sizeof(Tried))), f));
}

constexpr FeatureRead kAffinityRateReads[] = {
    {nullptr, "property scope events denominator [kinds] half_life [capacity] [bands] [prior_weight] [parent]",
     ScopeRule::kUserOrSession, PropertyRule::kItem, 0,
     "how often the user took to what he was offered of the candidate's category (or band of the number): decayed "
     "events over denominator, shrunk to his rate over all, and that to the parent's",
     "the candidate has no such property, or the parent has no event of the denominator"}};
constexpr FeatureType kAffinityRateTypes[] = {{.name = "taste",
                                               .make = MakeAffinityRateView,
                                               .reads = kAffinityRateReads,
                                               .parent = ParentRule::kAlways,
                                               .capacity_of = " with the most events"}};

}  // namespace

std::span<const FeatureType> AffinityRateTypes() { return kAffinityRateTypes; }

}  // namespace gfr
