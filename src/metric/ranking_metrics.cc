#include "metric/ranking_metrics.h"

#include <cmath>
#include <functional>
#include <unordered_map>

#include "base/rng.h"

namespace gfr {
namespace {

// From 1; 0 when the clicked item is not in the slate.
int RankOf(const RankedRequest& request, std::span<const float> scores) {
  if (request.clicked < 0) return 0;
  int rank = 1;
  const float mine = scores[request.clicked];
  for (int i = 0; i < request.items; ++i) {
    if (i != request.clicked && (scores[i] > mine || (scores[i] == mine && i < request.clicked))) ++rank;
  }
  return rank;
}

double Reciprocal(int rank) { return rank > 0 ? 1.0 / rank : 0.0; }

// The mean of `value` over the requests that `keep`s, with its bootstrap interval over users.
Estimate MeanOverUsers(std::span<const RankedRequest> requests, const std::function<bool(std::size_t)>& keep,
                       const std::function<double(std::size_t)>& value, int replicates, std::uint64_t seed) {
  std::unordered_map<std::uint64_t, std::size_t> index;
  std::vector<double> sums, counts;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!keep(i)) continue;
    const std::size_t user = index.try_emplace(requests[i].user, index.size()).first->second;
    if (user == sums.size()) {
      sums.push_back(0);
      counts.push_back(0);
    }
    sums[user] += value(i);
    counts[user] += 1;
  }
  double sum = 0, count = 0;
  for (std::size_t u = 0; u < sums.size(); ++u) {
    sum += sums[u];
    count += counts[u];
  }
  std::vector<double> draws;
  Rng rng(seed);
  for (int r = 0; r < replicates; ++r) {
    double s = 0, c = 0;
    for (std::size_t u = 0; u < sums.size(); ++u) {
      const auto w = static_cast<double>(rng.Poisson(1.0));
      s += w * sums[u];
      c += w * counts[u];
    }
    draws.push_back(s / c);
  }
  return {sum / count, PercentileInterval(std::move(draws))};
}

}  // namespace

RankingMetrics MeasureRanking(std::span<const RankedRequest> requests, std::span<const std::span<const float>> scores,
                              int replicates, std::uint64_t seed) {
  std::vector<int> rank;
  RankingMetrics m;
  m.requests = requests.size();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    rank.push_back(RankOf(requests[i], scores[i]));
    m.requests_untouched += requests[i].untouched;
  }
  const auto all = [](std::size_t) { return true; };
  const auto reciprocal = [&](std::size_t i) { return Reciprocal(rank[i]); };
  m.mrr = MeanOverUsers(requests, all, reciprocal, replicates, seed);
  m.mrr_last_of_session = MeanOverUsers(
      requests, [&](std::size_t i) { return requests[i].last_of_session; }, reciprocal, replicates, seed);
  m.mrr_untouched = MeanOverUsers(
      requests, [&](std::size_t i) { return requests[i].untouched; }, reciprocal, replicates, seed);
  m.ndcg_10 = MeanOverUsers(
      requests, all, [&](std::size_t i) { return rank[i] > 0 && rank[i] <= 10 ? 1.0 / std::log2(1.0 + rank[i]) : 0.0; },
      replicates, seed);
  return m;
}

Estimate PairedMrrDifference(std::span<const RankedRequest> requests, std::span<const std::span<const float>> a,
                             std::span<const std::span<const float>> b, int replicates, std::uint64_t seed,
                             bool untouched_only) {
  return MeanOverUsers(
      requests, [&](std::size_t i) { return !untouched_only || requests[i].untouched; },
      [&](std::size_t i) { return Reciprocal(RankOf(requests[i], a[i])) - Reciprocal(RankOf(requests[i], b[i])); },
      replicates, seed);
}

}  // namespace gfr
