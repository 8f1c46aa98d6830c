// Sums: what a mean, a ratio or a covariate needs to know of a sample. Sums of parts are the sum of the whole, so they
// merge over servers, days and strata.
//
// A variance below 1e-12 of the mean square is taken as 0: sums of doubles cannot tell it from rounding.
// Thread safety: plain values.
#pragma once

#include <cmath>
#include <limits>

namespace gfr {

struct Sums {
  double n = 0, sum = 0, squares = 0;

  void Add(double value) { n += 1, sum += value, squares += value * value; }
  void Merge(const Sums& other) { n += other.n, sum += other.sum, squares += other.squares; }
  double mean() const { return n > 0 ? sum / n : std::numeric_limits<double>::quiet_NaN(); }
  double variance() const {  // Of the sample (n - 1); NaN for n < 2.
    if (n < 2) return std::numeric_limits<double>::quiet_NaN();
    const double spread = squares - sum * sum / n;
    return spread > 1e-12 * squares ? spread / (n - 1) : 0;
  }
  // How many values are not 0, at least: by Cauchy and Schwarz, sum^2 <= count * squares. Exact for values of one size.
  double NonzeroAtLeast() const { return squares > 0 ? sum * sum / squares : 0; }
};

// Of pairs: numerator and denominator of a ratio, or a value (`y`) and its covariate from before (`x`).
struct PairSums {
  Sums y, x;
  double products = 0;

  void Add(double y_value, double x_value) {
    y.Add(y_value), x.Add(x_value);
    products += y_value * x_value;
  }
  void Merge(const PairSums& other) { y.Merge(other.y), x.Merge(other.x), products += other.products; }
  double covariance() const {
    if (y.n < 2) return std::numeric_limits<double>::quiet_NaN();
    const double spread = products - y.sum * x.sum / y.n;
    return std::fabs(spread) > 1e-12 * std::sqrt(y.squares * x.squares) ? spread / (y.n - 1) : 0;
  }
};

}  // namespace gfr
