// Random forests and rows for tests and benchmarks: what XGBoost and LightGBM may write, and what they seldom do.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "model/forest.h"

namespace gfr {

struct ForestShape {
  Forest::Engine engine = Forest::Engine::kXgboost;
  int columns = 12, trees = 20, depth = 6, classes = 1;
  int cuts = 40;             // Different thresholds a column.
  double leaf_early = 0.15;  // Chance that a node above the last level is a leaf.
  double chain = 0;          // Chance that only one child grows on.
  double categorical = 0.2;  // Share of the columns.
  int categories = 30;
  double set_share = 1;   // Of the categories, that a set lists at most.
  int category_step = 0;  // Between neighbours; 0: 1 to 3, by column.
  bool missing = true;
};

// Thresholds of a column of the shape, so that rows can hit them.
inline double ThresholdOf(const ForestShape& shape, int column, int i) {
  switch (i) {
    case 0:
      return 0.0;
    case 1:
      return shape.engine == Forest::Engine::kLightgbm ? 1.0000000180025095e-35 : -0.0;
    case 2:
      return shape.engine == Forest::Engine::kLightgbm ? INFINITY : 1e-40f;
    case 3:
      return shape.engine == Forest::Engine::kLightgbm ? 1e300 : -INFINITY;
    default: {
      const double value = std::sin(column * 7.0 + i) * std::pow(2.0, i % 9 - 4);
      return shape.engine == Forest::Engine::kXgboost ? static_cast<float>(value) : value;
    }
  }
}

inline int CategoryStep(const ForestShape& shape, int column) {
  return shape.category_step > 0 ? shape.category_step : column % 3 + 1;
}

inline Forest RandomForest(const ForestShape& shape, Rng& rng) {
  Forest forest{.engine = shape.engine, .classes = shape.classes, .columns = shape.columns, .rounds = shape.trees};
  for (int k = 0; k < shape.classes; ++k)
    forest.base_margin.push_back(shape.engine == Forest::Engine::kXgboost ? static_cast<float>(rng.Normal()) : 0.0);
  const int first_categorical = shape.columns - static_cast<int>(shape.categorical * shape.columns);
  for (int t = 0; t < shape.trees; ++t) {
    TreeNodes tree;
    struct Item {
      std::size_t node;
      int depth;
      bool grows;
    };
    const auto add = [&]() {
      tree.feature.push_back(0);
      tree.left.push_back(-1);
      tree.right.push_back(-1);
      tree.value.push_back(static_cast<float>(rng.Normal() * 0.1));
      tree.default_left.push_back(0);
      tree.missing.push_back(Forest::Missing::kNan);
      tree.category_set.push_back(-1);
      return tree.left.size() - 1;
    };
    std::vector<Item> stack = {{add(), 0, true}};
    while (!stack.empty()) {
      const Item item = stack.back();
      stack.pop_back();
      const std::size_t i = item.node;
      if (item.depth == shape.depth || !item.grows || (item.depth > 0 && rng.Chance(shape.leaf_early))) {
        if (shape.engine == Forest::Engine::kLightgbm) tree.value[i] = rng.Normal() * 0.1;
        continue;
      }
      const int column = static_cast<int>(rng.Below(static_cast<std::uint64_t>(shape.columns)));
      tree.feature[i] = column;
      tree.default_left[i] = shape.missing && rng.Chance(0.5);
      if (column >= first_categorical) {
        tree.category_set[i] = static_cast<std::int32_t>(forest.set_begin.size()) - 1;
        const double share = rng.Uniform() * shape.set_share;
        for (int c = 0; c < shape.categories; ++c) {
          if (rng.Chance(share)) forest.categories.push_back(c * CategoryStep(shape, column));
        }
        forest.set_begin.push_back(static_cast<std::int32_t>(forest.categories.size()));
        tree.value[i] = 0;
      } else {
        tree.value[i] = ThresholdOf(shape, column, static_cast<int>(rng.Below(static_cast<std::uint64_t>(shape.cuts))));
      }
      if (shape.engine == Forest::Engine::kLightgbm && shape.missing)
        tree.missing[i] = static_cast<Forest::Missing>(rng.Below(3));
      const bool chained = rng.Chance(shape.chain), side = rng.Chance(0.5);
      const std::size_t left = add(), right = add();
      tree.left[i] = static_cast<std::int32_t>(left);
      tree.right[i] = static_cast<std::int32_t>(right);
      stack.push_back({left, item.depth + 1, !chained || side});
      stack.push_back({right, item.depth + 1, !chained || !side});
    }
    if (const Status status = AddTree(tree, t % shape.classes, "a tree", forest); !status.ok()) std::abort();
  }
  return forest;
}

// Values at, beside and between the thresholds, and what is seldom sent: infinities, -0.0, denormals, categories that
// are negative, broken, unseen or huge.
template <typename T>
std::vector<T> RandomRows(const ForestShape& shape, std::size_t count, double missing, bool odd, Rng& rng) {
  std::vector<T> rows(count * static_cast<std::size_t>(shape.columns));
  const int first_categorical = shape.columns - static_cast<int>(shape.categorical * shape.columns);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int column = static_cast<int>(i % static_cast<std::size_t>(shape.columns));
    T& v = rows[i];
    if (rng.Chance(missing)) {
      v = std::numeric_limits<T>::quiet_NaN();
      continue;
    }
    if (odd && rng.Chance(0.1)) {
      const double kOdd[] = {INFINITY, -INFINITY, -0.0, 0.0, 1e-35, -1e-35, 1e-40, -1e-40,   2e-35,
                             1e38,     -1e38,     -0.5, 0.5, 1.5,   3e9,    1e30,  16777216, -1};
      v = static_cast<T>(kOdd[rng.Below(std::size(kOdd))]);
      if (rng.Chance(0.1)) v = std::numeric_limits<T>::denorm_min();
      continue;
    }
    if (column >= first_categorical) {
      v = static_cast<T>(rng.Below(static_cast<std::uint64_t>(shape.categories) * 3 + 5));
      if (shape.category_step > 0) v = std::floor(v / 3) * static_cast<T>(shape.category_step);
      continue;
    }
    const auto at =
        static_cast<T>(ThresholdOf(shape, column, static_cast<int>(rng.Below(static_cast<std::uint64_t>(shape.cuts)))));
    const std::uint64_t how = rng.Below(4);
    v = how == 0   ? at
        : how == 1 ? std::nextafter(at, static_cast<T>(-INFINITY))
        : how == 2 ? std::nextafter(at, static_cast<T>(INFINITY))
                   : at + static_cast<T>(rng.Normal());
  }
  return rows;
}

}  // namespace gfr
