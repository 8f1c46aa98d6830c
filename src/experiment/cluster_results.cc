#include "experiment/cluster_results.h"

#include <fmt/format.h>

#include <map>

#include "base/hash.h"
#include "stats/clusters.h"

namespace gfr {
namespace {

struct OfCluster {
  std::size_t arm = 0;
  double sum = 0, count = 0, nonzero = 0;
};

// By the clusters' names, so that two passes come to the same.
std::map<std::string, OfCluster> SumClusters(const ExperimentDesign& design, const MetricConfig& metric, std::size_t m,
                                             const ExperimentUnits& units, const std::vector<std::size_t>& arm_of) {
  std::map<std::string, OfCluster> sums;
  for (const ExposedUnit& unit : units.units) {
    const std::size_t arm = arm_of[unit.arm];
    if (arm == design.arms.size() || !unit.metrics[m].mature) continue;
    OfCluster& of = sums.try_emplace(unit.cluster, OfCluster{.arm = arm}).first->second;
    if (of.arm != arm) continue;  // Of a server that had another configuration: its cluster is in the arm it met first.
    const double value = std::min(unit.metrics[m].value, units.caps[m].value);
    of.sum += value;
    of.count += metric.is_ratio() ? unit.metrics[m].denominator : 1;
    of.nonzero += value != 0;
  }
  return sums;
}

MetricResult Compare(const ExperimentDesign& design, const MetricConfig& metric, std::size_t m, std::size_t arm,
                     const std::map<std::string, OfCluster>& sums) {
  std::vector<Cluster> clusters;
  PairSums arms[2];
  MetricResult r{.metric = m, .arm = design.arms[arm]};
  for (const auto& [name, of] : sums) {
    if (of.arm != 0 && of.arm != arm) continue;
    clusters.push_back({of.arm != 0, of.sum, of.count});
    arms[of.arm != 0].Add(of.sum, of.count);
    (of.arm ? r.nonzero_treatment : r.nonzero_control) += of.nonzero;
  }
  r.control = EstimateRatio(arms[0]), r.treatment = EstimateRatio(arms[1]);
  const ClusterResult tested = TestClusters(clusters, design.alpha, KeyOf(design.name));
  r.absolute = tested.difference;
  r.tested_absolute = tested.tested;
  r.relative = RelativeDifference(r.control, r.treatment);
  r.tested_relative = TestAtFixedHorizon(r.relative, design.alpha);
  r.p = tested.tested.p;
  r.better = (metric.lower_is_better ? -1 : 1) * r.absolute.value > 0;
  r.test = fmt::format("one look, {} clusters, {}", clusters.size(),
                       tested.permutation ? "permutations of the arms over clusters (interval: Student's t)"
                                          : "delta method over clusters");
  return r;
}

}  // namespace

ClusterResults AnalyzeClusters(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                               const ExperimentUnits& units, const std::vector<std::size_t>& arm_of) {
  ClusterResults results{.metrics = {}, .clusters = std::vector<double>(design.arms.size())};
  std::map<std::string, std::size_t> arms;
  for (const ExposedUnit& unit : units.units) {
    if (arm_of[unit.arm] < design.arms.size()) arms.try_emplace(unit.cluster, arm_of[unit.arm]);
  }
  for (const auto& [name, arm] : arms) ++results.clusters[arm];
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    if (metrics[m].measure == MetricConfig::Measure::kLatency) continue;
    const auto sums = SumClusters(design, metrics[m], m, units, arm_of);
    for (std::size_t a = 1; a < design.arms.size(); ++a)
      results.metrics.push_back(Compare(design, metrics[m], m, a, sums));
  }
  return results;
}

}  // namespace gfr
