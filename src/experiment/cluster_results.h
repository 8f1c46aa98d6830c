// Metrics of experiments that allocate clusters, or everyone's periods (a switchback): the cluster is what was
// allocated, so it is the unit of the analysis (stats/clusters.h).
//
// Intervals and p are of one look at a time that was set before the start: no sequence is valid for as few clusters as
// these designs have, so nothing is decided by itself. Thread safety: pure functions.
#pragma once

#include <vector>

#include "experiment/results.h"

namespace gfr {

struct ClusterResults {
  std::vector<MetricResult> metrics;
  std::vector<double> clusters;  // By arm of the design.
};
// Latencies have no sum, and are left out. `arm_of`: from the units' arms to the design's; its size: none.
ClusterResults AnalyzeClusters(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                               const ExperimentUnits& units, const std::vector<std::size_t>& arm_of);

}  // namespace gfr
