// Trend: an entity's rate of events of late over its rate in the long run. Both are decayed counts, S with half_life h
// and L with long_half_life H; a steady stream of r events a ms has S = r h / ln 2, so (S / h) / (L / H) is 1 when
// steady, above 1 when rising; NaN without an event. T is now for user and session state, the epoch's end for shared
// state.
//
// Fold: user and session scope decay to the event's time (a late one enters undecayed). Shared scope: an epoch's delta
// is a whole number, which merges in any order; Seal decays to the epoch's end and adds it.
// Merge of two users' states: both decayed to the later of their instants and added.
#include <algorithm>

#include "feature/feature_types.h"

namespace gfr {
namespace {

struct State {
  std::int64_t at_ms;     // The instant of the decayed counts.
  double recent, before;  // With the short and the long half-life.
};
struct SharedState {
  State sealed;
  std::uint64_t count;  // Of a delta: events of the epoch.
};

class TrendView final : public FeatureView {
 public:
  TrendView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        events_(f.events),
        half_life_ms_(static_cast<double>(f.half_life_ms)),
        long_half_life_ms_(static_cast<double>(f.long_half_life_ms)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override {
    if (!events_.Counts(line)) return;
    if (spec_.scope == Scope::kShared)
      ++reinterpret_cast<SharedState*>(state)->count;
    else
      Add(line.time_ms, 1.0, *reinterpret_cast<State*>(state));
  }
  void Merge(const std::byte* from, std::byte* into) const noexcept override {
    if (spec_.scope == Scope::kShared) {
      reinterpret_cast<SharedState*>(into)->count += reinterpret_cast<const SharedState*>(from)->count;
      return;
    }
    State other = *reinterpret_cast<const State*>(from);
    State& s = *reinterpret_cast<State*>(into);
    if (other.before == 0) return;
    const std::int64_t at = std::max(other.at_ms, s.at_ms);
    Decay(at, other);
    Decay(at, s);
    s = {at, s.recent + other.recent, s.before + other.before};
  }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const noexcept override {
    const std::uint64_t count = reinterpret_cast<const SharedState*>(delta)->count;
    if (count > 0) Add(epoch_end_ms, static_cast<double>(count), reinterpret_cast<SharedState*>(state)->sealed);
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::int64_t end = spec_.scope == Scope::kShared ? c.epoch_end_ms : c.now_ms;
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      out[i] = kMissing;
      if (!states.rows[i]) continue;
      State s = *reinterpret_cast<const State*>(states.rows[i]);
      if (s.before == 0) continue;
      Decay(end, s);
      if (s.before > 0) out[i] = RowValue(s.recent / half_life_ms_ / (s.before / long_half_life_ms_));
    }
  }

 private:
  void Decay(std::int64_t at_ms, State& s) const noexcept {
    const double since = static_cast<double>(std::max<std::int64_t>(0, at_ms - s.at_ms));
    s.recent *= Exp2(-since / half_life_ms_);
    s.before *= Exp2(-since / long_half_life_ms_);
  }
  void Add(std::int64_t time_ms, double count, State& s) const noexcept {
    const std::int64_t at = std::max(time_ms, s.at_ms);
    if (s.before != 0) Decay(at, s);
    s = {at, s.recent + count, s.before + count};
  }
  const EventFilter events_;
  const double half_life_ms_, long_half_life_ms_;
};

}  // namespace

MadeView MakeTrendView(const FeatureConfig& f) {
  if (f.long_half_life_ms <= f.half_life_ms)
    return Error{ErrorCode::kInvalidArgument, "long_half_life is not above half_life; valid is a longer duration"};
  const std::size_t bytes = f.scope == Scope::kShared ? sizeof(SharedState) : sizeof(State);
  return std::shared_ptr<const FeatureView>(
      std::make_shared<TrendView>(SpecOf(f, static_cast<std::uint32_t>(bytes)), f));
}

}  // namespace gfr
