// ConfidenceSequence: an interval that holds at every time at once, so that it may be watched and acted upon at any.
//
// The asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021, "Time-uniform central limit
// theory and asymptotic confidence sequences", eq. 10 and 155), with N units so far and se the standard error now:
//   half width = se sqrt(N) sqrt(2 (N rho^2 + 1) / (N rho)^2 ln(sqrt(N rho^2 + 1) / alpha))
//   rho        = sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / N*): the interval is near its narrowest at N*
//   p          = min(1, sqrt(N rho^2 + 1) exp(-rho^2 N z^2 / (2 (N rho^2 + 1)))), z = difference / se: below alpha
//                exactly when the interval leaves out 0. It is always valid, for any threshold; rho stays that of
//                alpha.
// One-sided: the sequence at 2 alpha, of which one bound is used.
// Asymptotic: no decision before each arm has kNonzeroUnits units with a value other than zero. (Measured: with 150 in
// the control arm alone a 1 % canary decides falsely in 27 % of A/A runs.)
// Thread safety: a plain value.
#pragma once

#include "stats/interval.h"

namespace gfr {

class ConfidenceSequence {
 public:
  static constexpr double kDefaultPlan = 5000;  // N* without a plan.
  static constexpr double kNonzeroUnits = 150;  // In each arm.

  // REQUIRES: 0 < alpha < 1, planned_n > 0 (units of the arms that are compared).
  ConfidenceSequence(double alpha, double planned_n);

  double HalfWidth(double se, double n) const;
  double P(double difference, double se, double n) const;  // NaN where se is not above 0.

 private:
  double alpha_, rho_;
};

}  // namespace gfr
