#include "metric/grouped_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/rng.h"

namespace gfr {
namespace {

// Sums over a user's groups: of auc, map, mrr, ndcg, recall, each with its weights.
struct Sums {
  std::array<double, 5> value{}, weight{};
  void Add(std::size_t metric, double v, double w) {
    value[metric] += v * w;
    weight[metric] += w;
  }
};

struct Item {
  float score, label;
};

// `items` in the rows' own order.
void AddGroup(std::vector<Item>& items, int k, GroupedMetrics& m, Sums& sums) {
  std::ranges::stable_sort(items, std::greater<>(), &Item::score);
  double positives = 0, above = 0, area = 0;
  for (std::size_t i = 0; i < items.size();) {  // From the highest score: a negative loses to all positives above it.
    double p = 0, n = 0;
    for (const float score = items[i].score; i < items.size() && items[i].score == score; ++i)
      (items[i].label > 0.5f ? p : n) += 1;
    area += n * (above + p / 2);
    above += p;
    positives += p;
  }
  const double negatives = static_cast<double>(items.size()) - positives;
  ++m.groups;
  if (positives == 0) return;
  ++m.with_positive;
  if (negatives > 0) {
    ++m.with_both;
    sums.Add(0, area / (positives * negatives), static_cast<double>(items.size()));
  }
  double found = 0, precision = 0, first = 0, gain = 0, ideal = 0, in_k = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto rank = static_cast<double>(i + 1);
    if (rank <= k && rank <= positives) ideal += 1 / std::log2(1 + rank);
    if (items[i].label <= 0.5f) continue;
    found += 1;
    precision += found / rank;
    if (first == 0) first = rank;
    if (rank > k) continue;
    gain += 1 / std::log2(1 + rank);
    in_k += 1;
  }
  sums.Add(1, precision / positives, 1);
  sums.Add(2, 1 / first, 1);
  sums.Add(3, gain / ideal, 1);
  sums.Add(4, in_k / positives, 1);
}

}  // namespace

GroupedMetrics MeasureByGroup(const BinaryRows& rows, std::span<const std::uint64_t> group, int k, int replicates,
                              std::uint64_t seed) {
  std::vector<std::uint32_t> order(rows.label.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return group[i]; });
  GroupedMetrics m;
  std::unordered_map<std::uint64_t, std::size_t> index;
  std::vector<Sums> users;
  std::vector<Item> items;
  for (std::size_t at = 0; at < order.size();) {
    const std::size_t begin = at;
    items.clear();
    for (; at < order.size() && group[order[at]] == group[order[begin]]; ++at)
      items.push_back({rows.probability[order[at]], rows.label[order[at]]});
    const std::size_t user = index.try_emplace(rows.user[order[begin]], index.size()).first->second;
    if (user == users.size()) users.emplace_back();
    AddGroup(items, k, m, users[user]);
  }
  const auto mean = [&](const std::vector<double>& weight) {
    Sums total;
    for (std::size_t u = 0; u < users.size(); ++u) {
      const double w = weight.empty() ? 1 : weight[u];
      for (std::size_t x = 0; x < 5; ++x) {
        total.value[x] += w * users[u].value[x];
        total.weight[x] += w * users[u].weight[x];
      }
    }
    std::array<double, 5> means;
    for (std::size_t x = 0; x < 5; ++x) means[x] = total.value[x] / total.weight[x];
    return means;
  };
  std::array<std::vector<double>, 5> draws;
  Rng rng(seed);
  std::vector<double> weight(users.size());
  for (int r = 0; r < replicates; ++r) {
    for (double& w : weight) w = static_cast<double>(rng.Poisson(1.0));
    const auto means = mean(weight);
    for (std::size_t x = 0; x < 5; ++x) draws[x].push_back(means[x]);
  }
  const auto means = mean({});
  Estimate* const fields[] = {&m.auc, &m.map, &m.mrr, &m.ndcg, &m.recall};
  for (std::size_t x = 0; x < 5; ++x) *fields[x] = {means[x], PercentileInterval(std::move(draws[x]))};
  return m;
}

}  // namespace gfr
