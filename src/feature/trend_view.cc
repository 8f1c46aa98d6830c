// Trend: an entity's rate of events of late over its rate in the long run. Both are decayed counts (decay.h), S with
// half_life h and L with long_half_life H; a steady stream of r events a ms has S = r h / ln 2, so (S / h) / (L / H) is
// 1 when steady, above 1 when rising; NaN without an event.
#include "feature/core_view.h"
#include "feature/decay.h"
#include "feature/feature_types.h"

namespace gfr {
namespace {

struct TrendCore {
  EventFilter events;
  bool shared;
  double long_over_short;  // H / h.
  Decay<2> decay;

  void Fold(const EventLine& line, std::byte* state) const {
    if (!events.Counts(line)) return;
    const std::int64_t one[2] = {1, 1};
    shared ? decay.Count(one, state) : decay.Fold(line.time_ms, one, state);
  }
  void Merge(const std::byte* from, std::byte* into) const {
    shared ? decay.MergeCounts(from, into) : decay.Merge(from, into);
  }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const {
    decay.Seal(delta, epoch_end_ms, state);
  }
  float Read(const std::byte* state, std::int64_t t_ms) const {
    const auto [recent, before] = decay.Read(state, t_ms);
    return before > 0 ? RowValue(recent / before * long_over_short) : kMissing;
  }
  float Empty() const { return kMissing; }
  void Reset(std::byte* state) const { decay.Reset(state); }
  void Advance(std::int64_t, std::byte*) const {}
};

MadeView MakeTrendView(const FeatureConfig& f) {
  if (f.long_half_life_ms <= f.half_life_ms)
    return Error{ErrorCode::kInvalidArgument, "long_half_life is not above half_life; valid is a longer duration"};
  return std::shared_ptr<const FeatureView>(std::make_shared<CoreView<TrendCore>>(
      SpecOf(f, Decay<2>::kStateBytes),
      TrendCore{f.events, f.scope == Scope::kShared,
                static_cast<double>(f.long_half_life_ms) / static_cast<double>(f.half_life_ms),
                Decay<2>({f.half_life_ms, f.long_half_life_ms})}));
}

constexpr FeatureRead kTrendReads[] = {
    {nullptr, "scope events [kinds] half_life long_half_life", ScopeRule::kAny, PropertyRule::kNone, 0,
     "the events' rate of late over their rate in the long run (decayed counts over their half-lives): 1 is steady",
     "there was no event"}};
constexpr FeatureType kTrendTypes[] = {{.name = "trend", .make = MakeTrendView, .reads = kTrendReads, .version = 4}};

}  // namespace

std::span<const FeatureType> TrendTypes() { return kTrendTypes; }

}  // namespace gfr
