// Interval: a lower and an upper bound, and the estimate they belong to. Bounds are NaN where they were not asked for.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gfr {

struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN(), high = std::numeric_limits<double>::quiet_NaN();
};

struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  Interval interval = {};  // 95 %.
};

// The 2.5 % and 97.5 % percentiles of bootstrap replicates (Efron 1979), NaN ones left out.
inline Interval PercentileInterval(std::vector<double> replicates) {
  std::erase_if(replicates, [](double x) { return std::isnan(x); });
  if (replicates.empty()) return {};
  std::ranges::sort(replicates);
  const auto at = [&](double q) {
    return replicates[static_cast<std::size_t>(q * static_cast<double>(replicates.size() - 1) + 0.5)];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace gfr
