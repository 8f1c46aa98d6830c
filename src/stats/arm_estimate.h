// ArmEstimate: one arm's value of a metric with the variance that one unit brings, from sums. All metrics (mean,
// proportion, ratio, CUPED, post-stratified, clustered) become one of these, and difference.h compares two of them.
//
//   mean        variance of the sample (n - 1)
//   proportion  p (1 - p)
//   ratio       R = sum y / sum x, delta method: (var y - 2 R cov(y, x) + R^2 var x) / mean(x)^2
//               (Deng, Knoblich and Lu 2018, "Applying the Delta Method in Metric Analytics"). With clusters as units
//               and their sizes as x this is the cluster-robust mean.
//   CUPED       mean(y) - theta (mean(x) - m), variance var y - 2 theta cov + theta^2 var x (Deng et al. 2013). Theta
//   and
//               m are those of all arms together, taken as one sample, so every comparison uses one control.
// Thread safety: pure functions.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "stats/sums.h"

namespace gfr {

struct ArmEstimate {
  double n = 0;  // Units.
  double value = std::numeric_limits<double>::quiet_NaN();
  double variance = std::numeric_limits<double>::quiet_NaN();  // Of one unit; that of `value` is variance / n.
  double squared_error() const { return variance / n; }
};

ArmEstimate EstimateMean(const Sums& sums);
ArmEstimate EstimateProportion(double n, double successes);
ArmEstimate EstimateRatio(const PairSums& sums);  // NaN where the denominators' mean is 0.

// The covariate's coefficient and mean over all arms.
struct Cuped {
  double theta = 0;  // 0 where the covariate does not vary.
  double covariate_mean = 0;
  double variance_removed = 0;  // The squared correlation of value and covariate.
};
Cuped FitCuped(std::span<const PairSums> arms);
ArmEstimate EstimateCuped(const PairSums& sums, const Cuped& cuped);

// By strata (Miratrix, Sekhon and Yu 2013): the strata's estimates weighted by their share of the units of all arms, as
// if each arm had been drawn with the same shares. `arms[a][s]` is arm a in stratum s; the result is one estimate an
// arm. `estimate` gets an arm's sums in a stratum, and those of all arms there. A stratum in which an arm has fewer
// than two units is merged with the one that follows, the last with the one before.
using StratumEstimate = std::function<ArmEstimate(const PairSums& arm, const PairSums& all_arms)>;
std::vector<ArmEstimate> PostStratify(std::vector<std::vector<PairSums>> arms, const StratumEstimate& estimate);

}  // namespace gfr
