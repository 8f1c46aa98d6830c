#include "stats/arm_estimate.h"

#include <algorithm>
#include <cassert>

namespace gfr {
namespace {

// Merges strata until each arm has two units in each, or one stratum is left.
std::vector<std::vector<PairSums>> WithoutThinStrata(std::vector<std::vector<PairSums>> arms) {
  const auto units = [&](std::size_t s) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& arm : arms) least = std::min(least, arm[s].y.n);
    return least;
  };
  while (arms.front().size() > 1) {
    std::size_t thin = 0;
    while (thin < arms.front().size() && units(thin) >= 2) ++thin;
    if (thin == arms.front().size()) break;
    const std::size_t into = thin + 1 < arms.front().size() ? thin + 1 : thin - 1;
    for (auto& arm : arms) {
      arm[into].Merge(arm[thin]);
      arm.erase(arm.begin() + static_cast<std::ptrdiff_t>(thin));
    }
  }
  return arms;
}

}  // namespace

ArmEstimate EstimateMean(const Sums& sums) { return {sums.n, sums.mean(), sums.variance()}; }

ArmEstimate EstimateProportion(double n, double successes) {
  if (n <= 0) return {};
  const double p = successes / n;
  return {n, p, p * (1 - p)};
}

ArmEstimate EstimateRatio(const PairSums& sums) {
  const double mean = sums.x.mean();
  if (!(std::fabs(mean) > 0)) return {.n = sums.y.n};
  const double ratio = sums.y.sum / sums.x.sum;
  const double spread = sums.y.variance() - 2 * ratio * sums.covariance() + ratio * ratio * sums.x.variance();
  // What is left of values that all have one ratio is rounding.
  const double scale = sums.y.variance() + ratio * ratio * sums.x.variance();
  return {sums.y.n, ratio, spread > 1e-12 * scale ? spread / (mean * mean) : std::isnan(spread) ? spread : 0};
}

Cuped FitCuped(std::span<const PairSums> arms) {
  PairSums all;
  for (const PairSums& arm : arms) all.Merge(arm);
  Cuped cuped;
  const double covariate = all.x.variance(), value = all.y.variance(), together = all.covariance();
  if (all.x.n > 0) cuped.covariate_mean = all.x.mean();
  if (!(covariate > 0)) return cuped;
  cuped.theta = together / covariate;
  if (value > 0) cuped.variance_removed = together * together / (covariate * value);
  return cuped;
}

ArmEstimate EstimateCuped(const PairSums& sums, const Cuped& cuped) {
  const double theta = cuped.theta;
  const double variance = sums.y.variance() - 2 * theta * sums.covariance() + theta * theta * sums.x.variance();
  const double scale = sums.y.variance() + theta * theta * sums.x.variance();
  return {sums.y.n, sums.y.mean() - theta * (sums.x.mean() - cuped.covariate_mean),
          variance > 1e-12 * scale ? variance
          : std::isnan(variance)   ? variance
                                   : 0};
}

std::vector<ArmEstimate> PostStratify(std::vector<std::vector<PairSums>> arms, const StratumEstimate& estimate) {
  assert(!arms.empty() && !arms.front().empty());
  const auto strata = WithoutThinStrata(std::move(arms));
  std::vector<PairSums> all(strata.front().size());
  double units = 0;
  for (const auto& arm : strata) {
    for (std::size_t s = 0; s < arm.size(); ++s) all[s].Merge(arm[s]), units += arm[s].y.n;
  }
  std::vector<ArmEstimate> estimates;
  for (const auto& arm : strata) {
    ArmEstimate whole{0, 0, 0};
    double squared_error = 0;
    for (std::size_t s = 0; s < arm.size(); ++s) {
      const ArmEstimate one = estimate(arm[s], all[s]);
      const double share = all[s].y.n / units;
      whole.n += one.n;
      whole.value += share * one.value;
      squared_error += share * share * one.squared_error();
    }
    whole.variance = squared_error * whole.n;
    estimates.push_back(whole);
  }
  return estimates;
}

}  // namespace gfr
