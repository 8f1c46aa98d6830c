#include "stats/distributions.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

namespace gfr {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double NormalUpper(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

double NormalQuantile(double p) {
  if (!(p > 0 && p < 1)) return kNoNumber;
  return boost::math::quantile(boost::math::normal(), p);
}

double StudentUpper(double t, double df) {
  if (std::isnan(t) || !(df > 0)) return kNoNumber;
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  if (std::isinf(df)) return NormalUpper(t);
  return boost::math::cdf(boost::math::complement(boost::math::students_t(df), t));
}

double StudentQuantile(double p, double df) {
  if (!(p > 0 && p < 1) || !(df > 0)) return kNoNumber;
  if (std::isinf(df)) return NormalQuantile(p);
  return boost::math::quantile(boost::math::students_t(df), p);
}

double ChiSquareUpper(double x, double df) {
  if (std::isnan(x) || !(df > 0)) return kNoNumber;
  if (x <= 0) return 1;
  if (std::isinf(x)) return 0;
  return boost::math::cdf(boost::math::complement(boost::math::chi_squared(df), x));
}

double LogGamma(double x) { return x > 0 ? boost::math::lgamma(x) : kNoNumber; }

double LogBeta(double a, double b) { return LogGamma(a) + LogGamma(b) - LogGamma(a + b); }

double RegularizedBeta(double a, double b, double x) {
  if (!(a > 0 && b > 0) || std::isnan(x)) return kNoNumber;
  return boost::math::ibeta(a, b, std::clamp(x, 0.0, 1.0));
}

}  // namespace gfr
