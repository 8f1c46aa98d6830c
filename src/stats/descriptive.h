// Descriptive statistics of a sample, and the Wilson interval of a share.
//
// NaN values are the caller's to leave out. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "stats/interval.h"

namespace gfr {

struct Moments {
  double mean = std::numeric_limits<double>::quiet_NaN();
  double sd = std::numeric_limits<double>::quiet_NaN();  // Of the sample (n - 1).
};
Moments MomentsOf(std::span<const float> values);  // By two passes.

// The q-quantile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7; numpy's default).
// NaN of an empty sample. REQUIRES: sorted values, 0 <= q <= 1.
double QuantileOfSorted(std::span<const float> sorted, double q);

// Pearson's correlation; NaN when either is constant. REQUIRES: equal lengths.
double Correlation(std::span<const float> x, std::span<const float> y);

// successes / trials with Wilson's score interval (Wilson 1927), 95 %; NaN without trials.
Estimate Share(double successes, double trials);

}  // namespace gfr
