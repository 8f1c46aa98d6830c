// decayed_count and since: what is known of an entity's events in 16 and 8 bytes.
//
//   decayed_count  sum of weight * 2^(-age / half_life), age from the event's time to T
//   since          seconds from the latest event (the greatest event time seen) to T; below 0 when it is dated ahead
// T is now for user and session state, the epoch's end for shared state. A shared delta holds whole numbers; sealing
// decays what there is to the epoch's end and adds them undecayed, at epochs with a line only.
#include <algorithm>

#include "feature/core_view.h"
#include "feature/decay.h"
#include "feature/window_config.h"

namespace gfr {
namespace {

struct DecayedCore {
  EventFilter events;
  std::array<std::int32_t, kEventTypes> weights;
  bool shared;
  Decay<1> decay;

  void Fold(const EventLine& line, std::byte* state) const {
    if (!events.Counts(line)) return;
    const std::int64_t weight[1] = {weights[static_cast<std::size_t>(line.type)]};
    shared ? decay.Count(weight, state) : decay.Fold(line.time_ms, weight, state);
  }
  void Merge(const std::byte* from, std::byte* into) const {
    shared ? decay.MergeCounts(from, into) : decay.Merge(from, into);
  }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const {
    decay.Seal(delta, epoch_end_ms, state);
  }
  float Read(const std::byte* state, std::int64_t t_ms) const { return RowValue(decay.Read(state, t_ms)[0]); }
  float Empty() const { return 0.0f; }
  void Reset(std::byte* state) const { decay.Reset(state); }
  void Advance(std::int64_t, std::byte*) const {}
};

struct SinceCore {
  EventFilter events;

  static std::int64_t& Last(std::byte* state) { return *reinterpret_cast<std::int64_t*>(state); }
  void Fold(const EventLine& line, std::byte* state) const {
    if (events.Counts(line)) Last(state) = std::max(Last(state), line.time_ms);
  }
  void Merge(const std::byte* from, std::byte* into) const {
    Last(into) = std::max(Last(into), *reinterpret_cast<const std::int64_t*>(from));
  }
  float Read(const std::byte* state, std::int64_t t_ms) const {
    const std::int64_t last = *reinterpret_cast<const std::int64_t*>(state);
    return last == 0 ? kMissing : RowValue(static_cast<double>(t_ms - last) / 1000.0);
  }
  float Empty() const { return kMissing; }
  void Reset(std::byte* state) const { Last(state) = 0; }
  void Advance(std::int64_t, std::byte*) const {}
};

MadeView MakeDecayView(const FeatureConfig& f) {
  if (f.type == "since") {
    return std::shared_ptr<const FeatureView>(std::make_shared<CoreView<SinceCore>>(SpecOf(f, 8), SinceCore{f.events}));
  }
  return std::shared_ptr<const FeatureView>(std::make_shared<CoreView<DecayedCore>>(
      SpecOf(f, Decay<1>::kStateBytes),
      DecayedCore{f.events, WeightsOf(f), f.scope == Scope::kShared, Decay<1>(f.half_life_ms)}));
}

constexpr FeatureRead kDecayedReads[] = {
    {nullptr, "scope events [kinds] [weights] half_life", ScopeRule::kAny, PropertyRule::kNone, 0,
     "how many of the events there were (their weights), each halving every half-life",
     "never: an entity without events has 0"}};
constexpr FeatureRead kSinceReads[] = {{nullptr, kEventKeys, ScopeRule::kAny, PropertyRule::kNone, 0,
                                        "seconds since the latest of the events", "there was none"}};
constexpr FeatureType kDecayTypes[] = {{.name = "decayed_count", .make = MakeDecayView, .reads = kDecayedReads},
                                       {.name = "since", .make = MakeDecayView, .reads = kSinceReads}};

}  // namespace

std::span<const FeatureType> DecayTypes() { return kDecayTypes; }

}  // namespace gfr
