#include "score/rows_of_forest.h"

#include <algorithm>
#include <limits>

#include "base/rng.h"

namespace gfr {
namespace {

struct Splits {
  std::vector<std::vector<double>> cuts, categories;  // One a column, rising.
};

Splits SplitsOf(const Forest& forest) {
  const auto columns = static_cast<std::size_t>(forest.columns);
  Splits splits{std::vector<std::vector<double>>(columns), std::vector<std::vector<double>>(columns)};
  for (std::size_t i = 0; i < forest.feature.size(); ++i) {
    if (forest.feature[i] < 0) continue;
    const auto f = static_cast<std::size_t>(forest.feature[i]);
    const std::int32_t set = forest.category_set[i];
    if (set < 0)
      splits.cuts[f].push_back(forest.value[i]);
    else
      splits.categories[f].insert(splits.categories[f].end(), forest.categories.begin() + forest.set_begin[set],
                                  forest.categories.begin() + forest.set_begin[set + 1]);
  }
  for (auto* lists : {&splits.cuts, &splits.categories}) {
    for (std::vector<double>& list : *lists) {
      std::ranges::sort(list);
      list.erase(std::ranges::unique(list).begin(), list.end());
    }
  }
  return splits;
}

}  // namespace

std::vector<float> RowsOfForest(const Forest& forest, std::size_t count, double missing, std::uint64_t seed) {
  const Splits splits = SplitsOf(forest);
  const auto columns = static_cast<std::size_t>(forest.columns);
  Rng rng(seed);
  std::vector<float> rows(count * columns, 0.0f);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto &cuts = splits.cuts[i % columns], &categories = splits.categories[i % columns];
    if (rng.Chance(missing)) {
      rows[i] = std::numeric_limits<float>::quiet_NaN();
    } else if (!categories.empty()) {
      rows[i] = rng.Chance(0.05) ? static_cast<float>(categories.back() + 1)
                                 : static_cast<float>(categories[rng.Below(categories.size())]);
    } else if (!cuts.empty()) {
      const std::uint64_t at = rng.Below(cuts.size());
      const double step = at + 1 < cuts.size() ? cuts[at + 1] - cuts[at] : 1.0;
      rows[i] = static_cast<float>(cuts[at] + (rng.Uniform() - 0.25) * step);
    }
  }
  return rows;
}

ForestSummary Summarize(const Forest& forest) {
  ForestSummary summary;
  const Splits splits = SplitsOf(forest);
  for (std::size_t f = 0; f < splits.cuts.size(); ++f) {
    summary.columns_used += !splits.cuts[f].empty() || !splits.categories[f].empty();
    summary.categorical_columns += !splits.categories[f].empty();
    summary.cut_points += splits.cuts[f].size();
    summary.most_cut_points = std::max(summary.most_cut_points, splits.cuts[f].size());
  }
  std::vector<std::pair<std::int32_t, int>> stack;
  for (const std::int32_t root : forest.root) stack.emplace_back(root, 0);
  while (!stack.empty()) {
    const auto [node, depth] = stack.back();
    stack.pop_back();
    summary.depth = std::max(summary.depth, depth);
    const auto i = static_cast<std::size_t>(node);
    if (forest.feature[i] < 0) {
      ++summary.leaves;
      continue;
    }
    stack.emplace_back(forest.left[i], depth + 1);
    stack.emplace_back(forest.right[i], depth + 1);
  }
  return summary;
}

}  // namespace gfr
