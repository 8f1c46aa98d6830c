// Planning: power and sample sizes of a two-sided comparison of two arms.
//
// Normal approximation, both tails, each arm with its own variance: with d the true difference and
// se = sqrt(v_a / n_a + v_b / n_b), power = P(|Z + d / se| > c). c is z(1 - alpha / 2) for a fixed horizon, and the
// half width of the confidence sequence in standard errors for a watched one; the watched one's power at the end is a
// lower bound, since it may have decided before.
// Thread safety: pure functions. REQUIRES: variances > 0, 0 < share < 1, difference not 0 where a size is asked for.
#pragma once

namespace gfr {

struct PlannedArms {
  double difference = 0;                                // True one, absolute.
  double control_variance = 0, treatment_variance = 0;  // Of one unit.
  double share = 0.5;                                   // The treatment's, of the units of both.
  double alpha = 0.05;
};
// Of a proportion that moves from `rate` by `relative`: variances p (1 - p) of each arm.
PlannedArms PlanProportion(double rate, double relative, double share, double alpha);

double PowerAtFixedHorizon(const PlannedArms& plan, double n);  // n: units of both arms.
double PowerWatched(const PlannedArms& plan, double n);         // Tuned to n.
// The least n (a real number) that reaches the power.
double SampleSizeAtFixedHorizon(const PlannedArms& plan, double power);
double SampleSizeWatched(const PlannedArms& plan, double power);

}  // namespace gfr
