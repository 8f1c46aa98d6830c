#include "experiment/pooled_variants.h"

#include <numeric>

namespace gfr {
namespace {

std::vector<double> PoolWeights(const std::vector<double>& weights) {
  return {weights[0], std::accumulate(weights.begin() + 1, weights.end(), 0.0)};
}

}  // namespace

ExperimentDesign PoolVariants(const ExperimentDesign& design) {
  ExperimentDesign pooled = design;
  pooled.arms = {design.arms[0], "all variants"};
  pooled.weights = PoolWeights(design.weights);
  for (DesignPeriod& period : pooled.periods) period.weights = PoolWeights(period.weights);
  pooled.planned_n = design.planned_n / 2 * static_cast<double>(design.arms.size());  // The plan is of two arms.
  return pooled;
}

MetricSample PoolVariants(const MetricSample& sample) {
  const auto only = [&](std::size_t arm) {
    MetricSample one(1, sample.ratio[0].size());
    one.strata[0] = sample.strata[arm];
    one.ratio[0] = sample.ratio[arm];
    one.nonzero[0] = sample.nonzero[arm];
    one.nonzero_in[0] = sample.nonzero_in[arm];
    one.latencies[0] = sample.latencies[arm];
    one.latency_users[0] = sample.latency_users[arm];
    return one;
  };
  MetricSample variants = only(1);
  for (std::size_t a = 2; a < sample.strata.size(); ++a) variants.Merge(only(a));
  MetricSample pooled = only(0);
  pooled.strata.push_back(variants.strata[0]);
  pooled.ratio.push_back(variants.ratio[0]);
  pooled.nonzero.push_back(variants.nonzero[0]);
  pooled.nonzero_in.push_back(variants.nonzero_in[0]);
  pooled.latencies.push_back(std::move(variants.latencies[0]));
  pooled.latency_users.push_back(std::move(variants.latency_users[0]));
  return pooled;
}

}  // namespace gfr
