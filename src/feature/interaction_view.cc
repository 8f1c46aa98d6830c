// Interaction: what this user (or session) did with each candidate, among the `capacity` items touched last.
//
//   read = count               events counted on the item (0 for an item not remembered)
//   read = seconds_since       seconds since the latest of them, by event time; NaN for an item not remembered
//   read = steps_since         the user's events since then, 0 being the last one; NaN likewise
//   read = distinct            items remembered, the same for every candidate
//   read = seen_without_click  events less those of `without` on an item that is remembered, not below 0
// State: newest first; when full the item touched longest ago is forgotten (log order, so there are no ties).
//
// Merge: an item's counts add up and its later time is kept; the `capacity` latest stay, by time, then fewest steps,
// then key. A joined history does not say how the two interleaved: a touch has its own history's steps since, and of
// the other's all if they began later, else those since the first touch remembered that is later. So count,
// seconds_since and distinct are those of the whole history while nothing was forgotten; steps_since is too when one
// history followed the other, else it is at most the true one. Symmetric.
#include <algorithm>
#include <array>

#include "feature/feature_types.h"
#include "feature/interaction_state.h"
#include "feature/newest_first.h"

namespace gfr {
namespace {

enum Reading { kCount, kSecondsSince, kStepsSince, kDistinct, kSeenWithoutClick };  // In the order of feature_types.cc.

class InteractionView final : public FeatureView {
 public:
  InteractionView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        without_(f.without),
        capacity_(f.capacity),
        touches_are_steps_(!(f.events.types >> static_cast<unsigned>(EventType::kFeedImpression) & 1u)),
        read_(static_cast<Reading>(f.read_index)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    InteractionHeader& header = *reinterpret_cast<InteractionHeader*>(state);
    if (line.step && (header.steps++ == 0 || line.time_ms < header.first_ms)) header.first_ms = line.time_ms;
    if (line.item == 0) return;
    const std::span<InteractionTouch> touches = Touches(state);
    if (!events_.Counts(line)) {
      if (!without_.Counts(line)) return;
      const auto seen = std::ranges::find(touches, line.item, &InteractionTouch::item);
      if (seen != touches.end() && seen->count > 0) --seen->count;
      return;
    }
    PutFirst(touches, InteractionTouch{line.item, line.time_ms, 1, static_cast<std::uint32_t>(header.steps)},
             [](const InteractionTouch& old, InteractionTouch& touch) { touch.count += old.count; });
  }

  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    const auto a = Touches(from);
    const auto b = std::span<const InteractionTouch>(Touches(into));
    const InteractionHeader other = *reinterpret_cast<const InteractionHeader*>(from);
    InteractionHeader& header = *reinterpret_cast<InteractionHeader*>(into);
    // `step` holds the steps since the touch while the two are joined.
    std::array<InteractionTouch, 2 * kMostRemembered> joined;
    std::size_t n = 0;
    for (const InteractionTouch& t : a) {
      if (t.item != 0) joined[n++] = Placed(t, other, b, header);
    }
    const std::size_t own = n;
    for (const InteractionTouch& t : b) {
      if (t.item == 0) continue;
      const InteractionTouch placed = Placed(t, header, a, other);
      const auto same = std::find_if(joined.begin(), joined.begin() + own,
                                     [&](const InteractionTouch& o) { return o.item == t.item; });
      if (same == joined.begin() + own)
        joined[n++] = placed;
      else
        *same = {t.item, std::max(same->time_ms, t.time_ms), same->count + t.count, std::min(same->step, placed.step)};
    }
    std::sort(joined.begin(), joined.begin() + n, [](const InteractionTouch& x, const InteractionTouch& y) {
      return x.time_ms != y.time_ms ? x.time_ms > y.time_ms : x.step != y.step ? x.step < y.step : x.item < y.item;
    });
    if (header.steps == 0 || (other.steps != 0 && other.first_ms < header.first_ms)) header.first_ms = other.first_ms;
    header.steps += other.steps;
    const std::span<InteractionTouch> touches = Touches(into);
    for (std::size_t k = 0; k < touches.size(); ++k) {
      touches[k] = k < n ? joined[k] : InteractionTouch{};
      if (k < n) touches[k].step = static_cast<std::uint32_t>(header.steps) - joined[k].step;
    }
  }

  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const bool counts = read_ == kCount || read_ == kDistinct || read_ == kSeenWithoutClick;
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = counts ? 0.0f : kMissing;
      if (!states.rows[i]) continue;
      const std::span<const InteractionTouch> touches = Touches(states.rows[i]);
      if (read_ == kDistinct) {
        out[i] =
            static_cast<float>(std::ranges::count_if(touches, [](const InteractionTouch& t) { return t.item != 0; }));
        continue;
      }
      const auto touch = std::ranges::find(touches, c.items[i], &InteractionTouch::item);
      if (touch == touches.end() || c.items[i] == 0) continue;
      const std::uint64_t steps = reinterpret_cast<const InteractionHeader*>(states.rows[i])->steps;
      out[i] = counts                   ? static_cast<float>(touch->count)
               : read_ == kSecondsSince ? RowValue(static_cast<double>(c.now_ms - touch->time_ms) / 1000.0)
                                        : static_cast<float>(static_cast<std::uint32_t>(steps) - touch->step);
    }
  }

 private:
  std::span<InteractionTouch> Touches(std::byte* state) const noexcept {
    return {reinterpret_cast<InteractionTouch*>(state + sizeof(InteractionHeader)), capacity_};
  }
  std::span<const InteractionTouch> Touches(const std::byte* state) const noexcept {
    return TouchesOf(state, capacity_);
  }
  // `t`, of the history `own`, with the steps since it in both.
  InteractionTouch Placed(InteractionTouch t, const InteractionHeader& own, std::span<const InteractionTouch> others,
                          const InteractionHeader& other) const noexcept {
    const auto steps = static_cast<std::uint32_t>(other.steps);
    std::uint32_t since = other.steps > 0 && other.first_ms > t.time_ms ? steps : 0;
    for (const InteractionTouch& o : others) {
      if (since < steps && o.item != 0 && o.time_ms > t.time_ms)
        since = std::max(since, steps - o.step + (touches_are_steps_ ? 1 : 0));
    }
    t.step = static_cast<std::uint32_t>(own.steps) - t.step + since;
    return t;
  }
  const EventFilter events_, without_;
  const std::uint32_t capacity_;
  const bool touches_are_steps_;
  const Reading read_;
};

MadeView MakeInteractionView(const FeatureConfig& f) {
  FeatureSpec spec =
      SpecOf(f, static_cast<std::uint32_t>(sizeof(InteractionHeader) + f.capacity * sizeof(InteractionTouch)));
  spec.event_types = FeatureSpec{}.event_types;  // All: it counts a user's steps.
  return std::shared_ptr<const FeatureView>(std::make_shared<InteractionView>(std::move(spec), f));
}

constexpr FeatureRead kInteractionReads[] = {
    {"count", kItemKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "how many of the events fell on the candidate", "never: an item not remembered has 0"},
    {"seconds_since", kItemKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "seconds since the latest of the events on the candidate", kNotRemembered},
    {"steps_since", kItemKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "what the user did since, in events; 0: the candidate was touched last", kNotRemembered},
    {"distinct", kItemKeys, ScopeRule::kUserOrSession, PropertyRule::kNone, 0,
     "how many items are remembered, for every candidate", "never: an unknown user has 0"},
    {"seen_without_click", "scope events [kinds] [without] [capacity]", ScopeRule::kUserOrSession, PropertyRule::kNone,
     1, "impressions of the candidate less the clicks on it (events less those of without), not below 0",
     "never: an item not remembered has 0"}};
constexpr FeatureType kInteractionTypes[] = {
    {.name = "interaction", .make = MakeInteractionView, .reads = kInteractionReads}};

}  // namespace

std::span<const FeatureType> InteractionTypes() { return kInteractionTypes; }

}  // namespace gfr
