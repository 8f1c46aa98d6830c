#include "stats/quantile_estimate.h"

#include <algorithm>
#include <cassert>
#include <map>

#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr double kTwoSided95 = 1.959963984540054;

double OrderStatistic(std::span<const float> sorted, double rank) {
  const auto last = static_cast<double>(sorted.size());
  return sorted[static_cast<std::size_t>(std::clamp(std::ceil(rank), 1.0, last)) - 1];
}

// `spread`: the standard deviation of the share of values at or below the quantile, times sqrt(values).
ArmEstimate FromOrderStatistics(std::span<const float> sorted, double q, double spread, double units) {
  const auto n = static_cast<double>(sorted.size());
  const double width = kTwoSided95 * spread * std::sqrt(n);
  const double se =
      (OrderStatistic(sorted, n * q + width + 1) - OrderStatistic(sorted, n * q - width)) / (2 * kTwoSided95);
  return {units, OrderStatistic(sorted, n * q), se * se * units};
}

}  // namespace

ArmEstimate EstimateQuantile(std::span<const float> sorted, double q) {
  assert(q > 0 && q < 1);
  if (sorted.size() < 2) return {.n = static_cast<double>(sorted.size())};
  return FromOrderStatistics(sorted, q, std::sqrt(q * (1 - q)), static_cast<double>(sorted.size()));
}

ArmEstimate EstimateQuantileByUser(std::span<const float> values, std::span<const std::uint64_t> user, double q) {
  assert(values.size() == user.size());
  std::vector<float> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  if (sorted.size() < 2) return {.n = static_cast<double>(sorted.size())};
  const double at = OrderStatistic(sorted, q * static_cast<double>(sorted.size()));
  std::map<std::uint64_t, std::pair<double, double>> by_user;  // Values at or below, and all.
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto& [below, all] = by_user[user[i]];
    below += values[i] <= at;
    all += 1;
  }
  PairSums sums;
  for (const auto& [id, counts] : by_user) sums.Add(counts.first, counts.second);
  const double error = EstimateRatio(sums).squared_error();
  return FromOrderStatistics(sorted, q, std::sqrt(error * static_cast<double>(sorted.size())), sums.y.n);
}

double WinsorCap(std::span<const float> before, double q) {
  if (before.empty()) return std::numeric_limits<double>::infinity();
  std::vector<float> sorted(before.begin(), before.end());
  std::ranges::sort(sorted);
  return QuantileOfSorted(sorted, q);
}

}  // namespace gfr
