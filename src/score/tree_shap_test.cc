#include "score/tree_shap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <numeric>

#include "score/random_forest_of_trees.h"
#include "score/scorer.h"
#include "score/split_rule.h"

namespace gfr {
namespace {

// What a tree expects of a row of which only the columns in `known` are: by covers elsewhere.
double Expected(const Forest& f, std::size_t node, const float* row, std::uint32_t known) {
  if (f.feature[node] < 0) return f.value[node];
  const auto left = static_cast<std::size_t>(f.left[node]), right = static_cast<std::size_t>(f.right[node]);
  const auto column = static_cast<std::size_t>(f.feature[node]);
  if (known >> column & 1)
    return Expected(f, GoesLeft(f, node, static_cast<double>(row[column])) ? left : right, row, known);
  return (f.cover[left] * Expected(f, left, row, known) + f.cover[right] * Expected(f, right, row, known)) /
         f.cover[node];
}

// Shapley's formula over all subsets of the columns.
std::vector<double> ByDefinition(const Forest& f, const float* row) {
  const auto n = static_cast<std::uint32_t>(f.columns);
  std::vector<double> of(n + 1, 0.0);
  const auto value = [&](std::uint32_t known) {
    double sum = f.base_margin[0];
    for (const std::int32_t root : f.root) sum += Expected(f, static_cast<std::size_t>(root), row, known);
    return sum;
  };
  for (std::uint32_t known = 0; known < 1u << n; ++known) {
    const double v = value(known);
    const auto k = static_cast<std::uint32_t>(std::popcount(known));
    if (known == 0) of[n] = v;
    // A subset of k is weighed k! (n - 1 - k)! / n! for who joins it, (k - 1)! (n - k)! / n! for who is in it.
    const auto weight = [n](std::uint32_t before) {
      return std::exp(std::lgamma(before + 1.0) + std::lgamma(n - before + 0.0) - std::lgamma(n + 1.0));
    };
    for (std::uint32_t c = 0; c < n; ++c) {
      if (known >> c & 1)
        of[c] += weight(k - 1) * v;
      else
        of[c] -= weight(k) * v;
    }
  }
  return of;
}

// As if a training had gone through the trees: what came to a node is what came to its children.
void Cover(Forest& f, Rng& rng) {
  f.cover.assign(f.feature.size(), 0);
  for (std::size_t i = f.feature.size(); i-- > 0;) {
    f.cover[i] = f.feature[i] < 0
                     ? static_cast<float>(rng.Chance(0.1) ? 0 : 1 + rng.Below(50))
                     : f.cover[static_cast<std::size_t>(f.left[i])] + f.cover[static_cast<std::size_t>(f.right[i])];
    if (f.feature[i] >= 0 && f.cover[i] == 0) f.cover[i] = f.cover[static_cast<std::size_t>(f.left[i])] = 1;
  }
}

TEST(TreeShap, IsTheShapleyValueByItsDefinition) {
  for (const auto engine : {Forest::Engine::kXgboost, Forest::Engine::kLightgbm}) {
    Rng rng(11);
    const ForestShape shape{.engine = engine, .columns = 7, .trees = 6, .depth = 6};
    Forest forest = RandomForest(shape, rng);
    Cover(forest, rng);
    const auto shap = TreeShap::Make(forest);
    ASSERT_TRUE(shap.ok()) << shap.error().message;
    const std::vector<float> rows = RandomRows<float>(shape, 20, 0.1, true, rng);
    for (std::size_t r = 0; r < 20; ++r) {
      std::vector<double> mine(8);
      shap.value().Contributions(Rows(rows.data(), 20, 7), r, mine);
      const std::vector<double> theirs = ByDefinition(forest, rows.data() + r * 7);
      for (std::size_t c = 0; c < 8; ++c) ASSERT_NEAR(mine[c], theirs[c], 1e-10) << EngineName(engine) << r << " " << c;
    }
  }
}

TEST(TreeShap, ContributionsAddUpToTheMarginOfEachClass) {
  Rng rng(12);
  const ForestShape shape{.columns = 12, .trees = 30, .depth = 9, .classes = 3, .chain = 0.3};
  Forest forest = RandomForest(shape, rng);
  Cover(forest, rng);
  const TreeShap shap = TreeShap::Make(forest).value();
  const std::vector<float> rows = RandomRows<float>(shape, 50, 0.1, true, rng);
  std::vector<float> margins(150);
  Scorer::Make(forest).value()->Margins(rows.data(), 50, 12, margins.data());
  std::vector<double> parts(3 * 13);
  for (std::size_t r = 0; r < 50; ++r) {
    shap.Contributions(Rows(rows.data(), 50, 12), r, parts);
    for (std::size_t k = 0; k < 3; ++k)
      ASSERT_NEAR(std::accumulate(parts.begin() + static_cast<std::ptrdiff_t>(k * 13),
                                  parts.begin() + static_cast<std::ptrdiff_t>((k + 1) * 13), 0.0),
                  margins[r * 3 + k], 1e-5);
  }
}

TEST(TreeShap, RefusesAForestWhoseFileDoesNotSayWhatCameToItsNodesAndOneThatIsTooDeep) {
  Rng rng(13);
  const auto unknown = TreeShap::Make(RandomForest({.columns = 3, .trees = 2, .depth = 2, .leaf_early = 0}, rng));
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("sum_hessian of XGBoost, internal_count and leaf_count"));
  Forest deep = RandomForest({.columns = 3, .trees = 1, .depth = 300, .leaf_early = 0, .chain = 1}, rng);
  Cover(deep, rng);
  EXPECT_EQ(TreeShap::Make(deep).error().code, ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace gfr
