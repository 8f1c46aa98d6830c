#include "stats/clusters.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace gfr {
namespace {

constexpr std::uint64_t kMostArrangements = 20'000;

// The difference of means when the clusters named are the treatment's.
double DifferenceOf(std::span<const Cluster> clusters, const std::vector<char>& treatment) {
  double sum[2] = {}, count[2] = {};
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    sum[static_cast<int>(treatment[i])] += clusters[i].sum;
    count[static_cast<int>(treatment[i])] += clusters[i].count;
  }
  return sum[1] / count[1] - sum[0] / count[0];
}

std::uint64_t Arrangements(std::size_t n, std::size_t chosen) {  // n over chosen, or more than kMostArrangements.
  std::uint64_t ways = 1;
  for (std::size_t k = 1; k <= std::min(chosen, n - chosen); ++k) {
    ways = ways * (n - k + 1) / k;
    if (ways > kMostArrangements) return kMostArrangements + 1;
  }
  return ways;
}

double PermutationP(std::span<const Cluster> clusters, std::uint64_t seed) {
  std::vector<char> arms;
  for (const Cluster& c : clusters) arms.push_back(c.treatment);
  const double seen = std::fabs(DifferenceOf(clusters, arms)) * (1 - 1e-12);  // Equal ones may differ by rounding.
  const auto treated = static_cast<std::size_t>(std::ranges::count(arms, 1));
  std::uint64_t extreme = 0, all = 0;
  if (Arrangements(arms.size(), treated) <= kMostArrangements) {
    std::ranges::sort(arms);
    do {
      extreme += std::fabs(DifferenceOf(clusters, arms)) >= seen;
      ++all;
    } while (std::next_permutation(arms.begin(), arms.end()));
    return static_cast<double>(extreme) / static_cast<double>(all);
  }
  for (Rng rng(seed); all < kMostArrangements; ++all) {
    for (std::size_t k = arms.size() - 1; k > 0; --k) std::swap(arms[k], arms[rng.Below(k + 1)]);
    extreme += std::fabs(DifferenceOf(clusters, arms)) >= seen;
  }
  // What was seen is one of the arrangements (Phipson and Smyth 2010).
  return static_cast<double>(extreme + 1) / static_cast<double>(all + 1);
}

// The ratio of sums with the jackknife's variance (Quenouille and Tukey): of equal sizes it is that of the mean.
ArmEstimate JackknifeRatio(std::span<const Cluster> clusters, bool treatment) {
  Sums sums, counts;
  for (const Cluster& c : clusters) {
    if (c.treatment == treatment) sums.Add(c.sum), counts.Add(c.count);
  }
  ArmEstimate ratio{.n = sums.n, .value = sums.sum / counts.sum};
  Sums without;
  for (const Cluster& c : clusters) {
    if (c.treatment == treatment) without.Add((sums.sum - c.sum) / (counts.sum - c.count) - ratio.value);
  }
  // (n - 1) / n of the sum of squares around their mean, for n clusters; an estimate's variance is of one of them.
  ratio.variance = (sums.n - 1) * (sums.n - 1) * without.variance();
  return ratio;
}

}  // namespace

ClusterResult TestClusters(std::span<const Cluster> clusters, double alpha, std::uint64_t seed) {
  PairSums arms[2];
  for (const Cluster& c : clusters) arms[static_cast<int>(c.treatment)].Add(c.sum, c.count);
  ClusterResult result;
  if (!(arms[0].x.sum > 0 && arms[1].x.sum > 0)) return result;
  result.permutation = clusters.size() < kFewClusters;
  if (result.permutation) {
    result.difference = AbsoluteDifference(JackknifeRatio(clusters, false), JackknifeRatio(clusters, true));
  } else {
    result.difference = AbsoluteDifference(EstimateRatio(arms[0]), EstimateRatio(arms[1]));
    result.difference.df = std::numeric_limits<double>::infinity();
  }
  result.tested = TestAtFixedHorizon(result.difference, alpha);
  if (result.permutation) result.tested.p = PermutationP(clusters, seed);
  return result;
}

}  // namespace gfr
