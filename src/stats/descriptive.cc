#include "stats/descriptive.h"

#include <algorithm>
#include <cmath>

namespace gfr {

Moments MomentsOf(std::span<const float> values) {
  Moments m;
  if (values.empty()) return m;
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const float v : values) sum += v;
  m.mean = sum / n;
  for (const float v : values) squares += (v - m.mean) * (v - m.mean);
  if (values.size() > 1) m.sd = std::sqrt(squares / (n - 1));
  return m;
}

double QuantileOfSorted(std::span<const float> sorted, double q) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (static_cast<double>(sorted[above]) - sorted[below]);
}

double Correlation(std::span<const float> x, std::span<const float> y) {
  const Moments mx = MomentsOf(x), my = MomentsOf(y);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - mx.mean, dy = y[i] - my.mean;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : std::numeric_limits<double>::quiet_NaN();
}

Estimate Share(double successes, double trials) {
  if (trials <= 0) return {};
  constexpr double z = 1.959963984540054;
  const double p = successes / trials, scale = 1 + z * z / trials, middle = (p + z * z / (2 * trials)) / scale,
               half = z / scale * std::sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials));
  return {p, {std::max(0.0, middle - half), std::min(1.0, middle + half)}};
}

}  // namespace gfr
