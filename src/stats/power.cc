#include "stats/power.h"

#include <cassert>
#include <cmath>

#include "stats/confidence_sequence.h"
#include "stats/distributions.h"

namespace gfr {
namespace {

double StandardError(const PlannedArms& plan, double n) {
  return std::sqrt(plan.control_variance / (n * (1 - plan.share)) + plan.treatment_variance / (n * plan.share));
}

double PowerBeyond(const PlannedArms& plan, double n, double critical) {
  const double shift = std::fabs(plan.difference) / StandardError(plan, n);
  return NormalUpper(critical - shift) + NormalUpper(critical + shift);
}

// Power rises with n.
double LeastSize(const PlannedArms& plan, double power, double (*power_at)(const PlannedArms&, double)) {
  assert(power > 0 && power < 1 && plan.difference != 0);
  double high = 4;
  while (power_at(plan, high) < power && high < 1e18) high *= 2;
  double low = high / 2;
  for (int k = 0; k < 100; ++k) {
    const double middle = 0.5 * (low + high);
    (power_at(plan, middle) < power ? low : high) = middle;
  }
  return high;
}

}  // namespace

PlannedArms PlanProportion(double rate, double relative, double share, double alpha) {
  const double other = rate * (1 + relative);
  return {other - rate, rate * (1 - rate), other * (1 - other), share, alpha};
}

double PowerAtFixedHorizon(const PlannedArms& plan, double n) {
  return PowerBeyond(plan, n, NormalQuantile(1 - plan.alpha / 2));
}

double PowerWatched(const PlannedArms& plan, double n) {
  return PowerBeyond(plan, n, ConfidenceSequence(plan.alpha, n).HalfWidth(1, n));
}

double SampleSizeAtFixedHorizon(const PlannedArms& plan, double power) {
  return LeastSize(plan, power, &PowerAtFixedHorizon);
}

double SampleSizeWatched(const PlannedArms& plan, double power) { return LeastSize(plan, power, &PowerWatched); }

}  // namespace gfr
