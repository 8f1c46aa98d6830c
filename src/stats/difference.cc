#include "stats/difference.h"

#include "stats/distributions.h"

namespace gfr {
namespace {

// Of the sum of two terms with n - 1 degrees of freedom each (Satterthwaite 1946).
double WelchDegrees(double a, double n_a, double b, double n_b) {
  const double below = a * a / (n_a - 1) + b * b / (n_b - 1);
  return below > 0 ? (a + b) * (a + b) / below : std::numeric_limits<double>::infinity();
}

Difference MakeDifference(const ArmEstimate& control, const ArmEstimate& treatment, double value, double of_control,
                          double of_treatment) {
  return {control.n + treatment.n, value, std::sqrt(of_control + of_treatment),
          WelchDegrees(of_control, control.n, of_treatment, treatment.n)};
}

}  // namespace

Difference AbsoluteDifference(const ArmEstimate& control, const ArmEstimate& treatment) {
  return MakeDifference(control, treatment, treatment.value - control.value, control.squared_error(),
                        treatment.squared_error());
}

Difference RelativeDifference(const ArmEstimate& control, const ArmEstimate& treatment) {
  const double a = control.value, b = treatment.value;
  if (!(std::fabs(a) > 0)) return {.n = control.n + treatment.n};
  return MakeDifference(control, treatment, b / a - 1, control.squared_error() * b * b / (a * a * a * a),
                        treatment.squared_error() / (a * a));
}

TestedDifference TestAtFixedHorizon(const Difference& difference, double alpha) {
  if (!(difference.se > 0)) return {};
  const double half = StudentQuantile(1 - alpha / 2, difference.df) * difference.se;
  return {{difference.value - half, difference.value + half},
          2 * StudentUpper(std::fabs(difference.value / difference.se), difference.df)};
}

TestedDifference TestWatched(const Difference& difference, const ConfidenceSequence& sequence) {
  if (!(difference.se > 0)) return {};
  const double half = sequence.HalfWidth(difference.se, difference.n);
  return {{difference.value - half, difference.value + half},
          sequence.P(difference.value, difference.se, difference.n)};
}

LowerBound TestNonInferiority(const Difference& difference, double margin, double alpha, double planned_n) {
  if (!(difference.se > 0)) return {};
  const double above = difference.value + margin;
  if (planned_n > 0) {
    const ConfidenceSequence sequence(2 * alpha, planned_n);
    const double p = sequence.P(above, difference.se, difference.n) / 2;
    return {difference.value - sequence.HalfWidth(difference.se, difference.n), above > 0 ? p : 1};
  }
  return {difference.value - StudentQuantile(1 - alpha, difference.df) * difference.se,
          StudentUpper(above / difference.se, difference.df)};
}

}  // namespace gfr
