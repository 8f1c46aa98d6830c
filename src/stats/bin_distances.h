// Distances of two distributions over the same bins: a reference's and the one that is judged.
//
// The functions over counts take them as they are; Compare says which bins are joined first: values out of the
// reference's range belong to its end bins, and missing is one more bin, except to the measures of an order (KS,
// Wasserstein), which are of the values that are there. NaN where one side has no rows. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "stats/bin_counts.h"

namespace gfr {

// Population stability index: sum (q - p) ln(q / p), of shares with half a count added to each bin, which keeps an
// empty bin finite.
double StabilityIndex(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
// Two-sample Kolmogorov-Smirnov: the largest difference of the cumulative shares, at the ends of bins.
double KolmogorovSmirnov(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
// Earth mover's distance where every value lies at its bin's `at` (ascending), in their unit.
double Wasserstein(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current,
                   std::span<const float> at);
// The Jensen-Shannon distance: the root of the divergence, base 2, so from 0 to 1.
double JensenShannon(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
double LInfinity(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
double Hellinger(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
// Of the table of two rows, over bins that one of them has; p is of as many degrees of freedom as bins less one.
struct ChiSquareTest {
  double statistic, p;
};
ChiSquareTest ChiSquare(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);

struct Distances {
  double psi, jensen_shannon, hellinger, l_infinity, chi_square, chi_square_p;
  double ks, wasserstein;  // Of numbers, else NaN; Wasserstein in standard deviations of the reference's bins.
  double missing, reference_missing;            // Shares of rows.
  double out_of_range, reference_out_of_range;  // Of categories: unseen. Shares of rows.
};
// REQUIRES: both have as many bins as `bins`.
Distances Compare(const Bins& bins, const BinCounts& reference, const BinCounts& current);

// The counts that Compare measures by: with the values out of range in the end bins.
std::vector<std::uint64_t> WithinRange(const Bins& bins, const BinCounts& counts);

}  // namespace gfr
