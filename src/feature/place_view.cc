// Place: a candidate's place in the order supplied, against the places at which this user (or session) met items.
//
//   read = moved      supplied rank less the candidate's place in the latest of the events on it, among the `capacity`
//                     items met last; 0 everywhere when a page is looked at again, NaN for an item not remembered
//   read = from_mean  supplied rank less the mean place of the events: who clicked far down reads far down
// Events without a place (`index` -1) count for nothing.
//
// State of moved: newest first; when full the item met longest ago is forgotten (log order, so there are no ties).
// Merge: an item's later place stays, and the `capacity` latest items; ties by the higher place on the page, then the
// key. State of from_mean: a count and a sum; they add up. Both symmetric.
#include <algorithm>

#include "feature/feature_types.h"
#include "feature/newest_first.h"

namespace gfr {
namespace {

struct Met {
  Key item;  // 0: empty.
  std::int64_t time_ms;
  std::int64_t place;
};
bool Later(const Met& a, const Met& b) {
  return a.time_ms != b.time_ms ? a.time_ms > b.time_ms : a.place != b.place ? a.place < b.place : a.item < b.item;
}

class MovedView final : public FeatureView {
 public:
  MovedView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)), events_(f.events), capacity_(f.capacity) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || line.index < 0 || !events_.Counts(line)) return;
    PutFirst(Of(state), Met{line.item, line.time_ms, line.index});
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override { MergeNewest(Of(from), Of(into), Later); }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      if (!c.supplied || !states.rows[i] || c.items[i] == 0) continue;
      const std::span<const Met> met = Of(states.rows[i]);
      if (const auto m = std::ranges::find(met, c.items[i], &Met::item); m != met.end())
        out[i] = static_cast<float>(static_cast<std::int64_t>(i) - m->place);
    }
  }

 private:
  std::span<Met> Of(std::byte* state) const noexcept { return {reinterpret_cast<Met*>(state), capacity_}; }
  std::span<const Met> Of(const std::byte* state) const noexcept {
    return {reinterpret_cast<const Met*>(state), capacity_};
  }
  const EventFilter events_;
  const std::uint32_t capacity_;
};

class FromMeanView final : public FeatureView {
 public:
  struct State {
    std::int64_t count, places;
  };
  FromMeanView(FeatureSpec spec, const FeatureConfig& f) : FeatureView(std::move(spec)), events_(f.events) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (line.item == 0 || line.index < 0 || !events_.Counts(line)) return;
    State& s = *reinterpret_cast<State*>(state);
    s = {s.count + 1, s.places + line.index};
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const State& other = *reinterpret_cast<const State*>(from);
    State& s = *reinterpret_cast<State*>(into);
    s = {s.count + other.count, s.places + other.places};
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      const auto* s = reinterpret_cast<const State*>(states.rows[i]);
      out[i] = c.supplied && s && s->count > 0
                   ? RowValue(static_cast<double>(i) - static_cast<double>(s->places) / static_cast<double>(s->count))
                   : kMissing;
    }
  }

 private:
  const EventFilter events_;
};

MadeView MakePlaceView(const FeatureConfig& f) {
  if (f.read_index == 0)
    return std::shared_ptr<const FeatureView>(
        std::make_shared<MovedView>(SpecOf(f, static_cast<std::uint32_t>(f.capacity * sizeof(Met))), f));
  return std::shared_ptr<const FeatureView>(std::make_shared<FromMeanView>(SpecOf(f, sizeof(FromMeanView::State)), f));
}

constexpr FeatureRead kPlaceReads[] = {
    {"moved", kItemKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "supplied rank less the candidate's place in the latest of the events on it",
     "the caller gave no order, or the candidate is not among the items remembered"},
    {"from_mean", kEventKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 1,
     "supplied rank less the mean place of the events", "the caller gave no order, or no event had a place"}};
constexpr FeatureType kPlaceTypes[] = {{.name = "place", .make = MakePlaceView, .reads = kPlaceReads}};

}  // namespace

std::span<const FeatureType> PlaceTypes() { return kPlaceTypes; }

}  // namespace gfr
