// Differences between two arms, absolute and relative, and their tests.
//
//   absolute  b - a, squared error e_a + e_b
//   relative  b / a - 1, delta method: e_b / a^2 + e_a b^2 / a^4
// Degrees of freedom: Welch and Satterthwaite, of the two terms of the squared error.
// A fixed-horizon test is valid at one look that was set before the start; a watched one (confidence_sequence.h) at
// any. Thread safety: pure functions.
#pragma once

#include "stats/arm_estimate.h"
#include "stats/confidence_sequence.h"
#include "stats/interval.h"

namespace gfr {

struct Difference {
  double n = 0;  // Units of both arms.
  double value = std::numeric_limits<double>::quiet_NaN(),
         se = value;  // NaN: does not exist (no units, a control of 0).
  double df = std::numeric_limits<double>::infinity();
};
Difference AbsoluteDifference(const ArmEstimate& control, const ArmEstimate& treatment);
Difference RelativeDifference(const ArmEstimate& control, const ArmEstimate& treatment);

// NaN where the standard error is 0 or does not exist: nothing can be said.
struct TestedDifference {
  Interval interval;
  double p = std::numeric_limits<double>::quiet_NaN();  // Two-sided: the difference is 0.
};
// Welch's t test; with df infinite, the z test.
TestedDifference TestAtFixedHorizon(const Difference& difference, double alpha);
TestedDifference TestWatched(const Difference& difference, const ConfidenceSequence& sequence);

// One-sided: whether the difference is above -margin (non-inferiority where more is better); `low` is the lower bound
// at 1 - alpha, and it is shown when low > -margin. `planned_n` of 0: at a fixed horizon; else watched.
struct LowerBound {
  double low = std::numeric_limits<double>::quiet_NaN();
  double p = std::numeric_limits<double>::quiet_NaN();  // That the difference is at or below -margin.
};
LowerBound TestNonInferiority(const Difference& difference, double margin, double alpha, double planned_n);

}  // namespace gfr
