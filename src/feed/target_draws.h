// TargetDraws: a policy that draws otherwise from the pools of a log than the one that made it, to be judged off-policy
// (metric/slate_off_policy.h): by another explore rate, other scores of what it draws, or another value formula of what
// stands there otherwise.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "event/event.h"

namespace gfr {

// The pool of a logged draw: what the explore channel brought, and what stands there where the coin says not to
// explore.
struct DrawnPool {
  static constexpr std::size_t kNone = SIZE_MAX;
  std::vector<double> logged;          // Probabilities.
  std::vector<std::uint8_t> explored;  // Whether of the explore channel.
  std::size_t otherwise = kNone;       // kNone: the policy always explores; it is not known.
  std::size_t shown = kNone;           // kNone: the record is at fault.
};

// REQUIRES: `draw` is of the record whose items these are.
DrawnPool ReadPool(const ServedDraw& draw, std::span<const EventItem> items);

struct TargetDraws {
  double explore_rate = 1;
  // Where it explores, what it draws: proportional to exp(score / temperature). Infinity: all alike, as GFR draws; 0:
  // the best, equal ones alike.
  double temperature = std::numeric_limits<double>::infinity();
  // Where it does not, the pool's best by score stands there; otherwise what stood there by the logged policy.
  bool best_stands = false;
};

// One a member of the pool. Their sum is below 1 where what stands there otherwise is not in the pool. `scores`: one a
// member, in any unit; NaN ranks last.
std::vector<double> ProbabilitiesOf(const TargetDraws& target, const DrawnPool& pool, std::span<const double> scores);

}  // namespace gfr
