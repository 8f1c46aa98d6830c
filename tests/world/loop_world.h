// LoopWorld: the loop that retrains and releases by itself, in simulated time: traffic, drift, retrain, gates, shadow,
// canary, and promotion or roll-back, with a server that is killed at every boundary of a step and at random moments.
//
// The server is the one that `gfr serve` runs, at its router; its children (`gfr train`, `gfr models judge`) are
// processes of the simulation, which train by XGBoost on what the log has. Users are those of a simulated market; at
// one moment all of them come from a city that nobody knew. In the bad world they dislike whatever is retrained: it is
// right offline, passes every gate, and is wrong live.
//
// Invariants, checked as each record of a run is written: one run at a time; what a step has done stays done, with what
// it gave; a champion other than the first has passed the run's gate and canary. And at the end: the drift was the
// reason, one version was trained, it was promoted (or rolled back, and nobody gets it any more), no alias is left,
// each step's record is complete, and what was served equals a replay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gfr {

struct LoopOptions {
  std::uint64_t seed = 1;
  bool bad = false;  // Users dislike what is retrained.
};

struct LoopReport {
  std::vector<std::string> broken;  // Empty: every invariant held.
  std::uint64_t steps = 0, trace_hash = 0;
  std::uint64_t feeds = 0, by_candidate = 0, compared = 0;  // Answered; of them by the candidate; slates replayed.
  int boundaries = 0, kills = 0, power_cuts = 0, failed_writes = 0;  // Boundaries: kills right at a record's writing.
  std::int64_t took_ms = 0;                                          // Of the run.
  std::string record;                                                // What the run's record says, a line a step.
};

LoopReport RunLoopWorld(const LoopOptions& options);

}  // namespace gfr
