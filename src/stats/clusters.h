// Tests whose units come in groups: clusters (cities, sessions) assigned as a whole, and switchback periods.
//
// A cluster is its units' sum and number; an arm's mean is the ratio of both over clusters, its error the delta method
// over clusters (arm_estimate.h, Ratio). From 50 clusters on in all, the normal distribution; below, p is that of a
// permutation of the arms over clusters (each arrangement equally likely; all of them up to 20,000, else 20,000 drawn
// with `seed`), and the interval is Student's t with Welch's degrees of freedom and the jackknife's error (each cluster
// left out in turn): of few clusters of unequal sizes the delta method's is too small. (Measured by
// bench/experiment_methods: 28 switchback periods of sizes 1 to 5 were covered in 93.5 %.)
// A switchback period is a cluster too: the whole traffic is in one arm for its time. Effects that last into the next
// period bias it; leave out the start of each period (burn-in) before summing.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "stats/difference.h"

namespace gfr {

struct Cluster {
  bool treatment = false;
  double sum = 0, count = 0;  // Of the metric over its units, and units.
};

struct ClusterResult {
  Difference difference;
  TestedDifference tested;
  bool permutation = false;  // p is from permutations.
};
inline constexpr int kFewClusters = 50;
ClusterResult TestClusters(std::span<const Cluster> clusters, double alpha, std::uint64_t seed);

}  // namespace gfr
