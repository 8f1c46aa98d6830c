#include "stats/bin_distances.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stats/distributions.h"

namespace gfr {
namespace {

using Counts = std::span<const std::uint64_t>;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double Sum(Counts counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
}

// The sum over bins of f(share of the reference, share of the current).
template <typename F>
double SumOfShares(Counts reference, Counts current, F f) {
  const double n = Sum(reference), m = Sum(current);
  if (n == 0 || m == 0) return kNothing;
  double sum = 0;
  for (std::size_t b = 0; b < reference.size(); ++b)
    sum += f(static_cast<double>(reference[b]) / n, static_cast<double>(current[b]) / m);
  return sum;
}

// Standard deviation of the reference as its bins have it: one extreme value does not widen it.
double BinnedDeviation(Counts counts, std::span<const float> at) {
  double mean = 0, square = 0;
  const double n = Sum(counts);
  for (std::size_t b = 0; b < counts.size(); ++b) mean += static_cast<double>(counts[b]) * at[b] / n;
  for (std::size_t b = 0; b < counts.size(); ++b)
    square += static_cast<double>(counts[b]) * (at[b] - mean) * (at[b] - mean) / n;
  return std::sqrt(square);
}

}  // namespace

double StabilityIndex(Counts reference, Counts current) {
  const double half = static_cast<double>(reference.size()) / 2, n = Sum(reference) + half, m = Sum(current) + half;
  if (n == half || m == half) return kNothing;
  double sum = 0;
  for (std::size_t b = 0; b < reference.size(); ++b) {
    const double p = (static_cast<double>(reference[b]) + 0.5) / n, q = (static_cast<double>(current[b]) + 0.5) / m;
    sum += (q - p) * std::log(q / p);
  }
  return sum;
}

double KolmogorovSmirnov(Counts reference, Counts current) {
  double cumulative = 0, largest = 0;
  const double sum = SumOfShares(reference, current, [&](double p, double q) {
    cumulative += q - p;
    largest = std::max(largest, std::fabs(cumulative));
    return 0.0;
  });
  return std::isnan(sum) ? kNothing : largest;
}

double Wasserstein(Counts reference, Counts current, std::span<const float> at) {
  double cumulative = 0;
  std::size_t b = 0;
  return SumOfShares(reference, current, [&](double p, double q) {
    const double moved =
        b == 0 ? 0 : std::fabs(cumulative) * (static_cast<double>(at[b]) - static_cast<double>(at[b - 1]));
    cumulative += q - p;
    ++b;
    return moved;
  });
}

double JensenShannon(Counts reference, Counts current) {
  const double sum = SumOfShares(reference, current, [](double p, double q) {
    const double middle = (p + q) / 2;
    return (p > 0 ? p * std::log2(p / middle) : 0) + (q > 0 ? q * std::log2(q / middle) : 0);
  });
  return std::isnan(sum) ? kNothing : std::sqrt(std::max(0.0, sum / 2));
}

double LInfinity(Counts reference, Counts current) {
  double largest = 0;
  const double sum = SumOfShares(reference, current, [&](double p, double q) {
    largest = std::max(largest, std::fabs(p - q));
    return 0.0;
  });
  return std::isnan(sum) ? kNothing : largest;
}

double Hellinger(Counts reference, Counts current) {
  const double sum = SumOfShares(reference, current, [](double p, double q) {
    const double d = std::sqrt(p) - std::sqrt(q);
    return d * d;
  });
  return std::isnan(sum) ? kNothing : std::sqrt(sum / 2);
}

ChiSquareTest ChiSquare(Counts reference, Counts current) {
  const double n = Sum(reference), m = Sum(current);
  if (n == 0 || m == 0) return {kNothing, kNothing};
  double statistic = 0;
  int bins = 0;
  for (std::size_t b = 0; b < reference.size(); ++b) {
    const double both = static_cast<double>(reference[b] + current[b]);
    if (both == 0) continue;
    ++bins;
    const double expected_n = both * n / (n + m), expected_m = both * m / (n + m);
    const double off = static_cast<double>(reference[b]) - expected_n;  // The other row is off by the same.
    statistic += off * off / expected_n + off * off / expected_m;
  }
  return {statistic, bins > 1 ? ChiSquareUpper(statistic, bins - 1) : 1.0};
}

std::vector<std::uint64_t> WithinRange(const Bins& bins, const BinCounts& counts) {
  std::vector<std::uint64_t> within = counts.counts;
  if (bins.categorical || bins.uppers.empty()) return within;
  within[1] += within[0];
  within[bins.above() - 1] += within[bins.above()];
  within.erase(within.begin() + static_cast<std::ptrdiff_t>(bins.above()));
  within.erase(within.begin());
  return within;
}

Distances Compare(const Bins& bins, const BinCounts& reference, const BinCounts& current) {
  const std::vector<std::uint64_t> p = WithinRange(bins, reference), q = WithinRange(bins, current);
  const ChiSquareTest chi = ChiSquare(p, q);
  Distances d{.psi = StabilityIndex(p, q),
              .jensen_shannon = JensenShannon(p, q),
              .hellinger = Hellinger(p, q),
              .l_infinity = LInfinity(p, q),
              .chi_square = chi.statistic,
              .chi_square_p = chi.p,
              .ks = kNothing,
              .wasserstein = kNothing,
              .missing = kNothing,
              .reference_missing = kNothing,
              .out_of_range = kNothing,
              .reference_out_of_range = kNothing};
  const auto share = [&](const BinCounts& of, std::uint64_t count) {
    return of.rows() == 0 ? kNothing : static_cast<double>(count) / static_cast<double>(of.rows());
  };
  const auto outside = [&](const BinCounts& of) {
    return of.counts[bins.above()] + (bins.categorical ? 0 : of.counts[0]);
  };
  d.missing = share(current, current.counts[bins.missing()]);
  d.reference_missing = share(reference, reference.counts[bins.missing()]);
  d.out_of_range = share(current, outside(current));
  d.reference_out_of_range = share(reference, outside(reference));
  if (bins.categorical || bins.uppers.empty()) return d;
  const Counts there_p = Counts(p).first(p.size() - 1), there_q = Counts(q).first(q.size() - 1);
  d.ks = KolmogorovSmirnov(there_p, there_q);
  const double deviation = BinnedDeviation(there_p, bins.middles);
  d.wasserstein = Wasserstein(there_p, there_q, bins.middles) / (deviation > 0 ? deviation : 1);
  return d;
}

}  // namespace gfr
