// SplitRule: which way a row goes at a node of a forest, by the rules of the program that trained it (model/forest.h).
//
// Thread safety: pure functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "model/forest.h"
#include "score/binning.h"

namespace gfr {

inline bool IsInSet(const Forest& forest, std::int32_t set, std::int32_t category) {
  return std::binary_search(forest.categories.begin() + forest.set_begin[set],
                            forest.categories.begin() + forest.set_begin[set + 1], category);
}

// XGBoost: GetNextNode of src/predictor, Decision of src/common/categorical.h.
inline bool GoesLeftInXgboost(const Forest& forest, std::size_t node, float v) {
  if (v != v) return forest.default_left[node] != 0;
  if (forest.category_set[node] < 0) return v < static_cast<float>(forest.value[node]);
  if (v < 0 || v >= 16777216) return true;
  return !IsInSet(forest, forest.category_set[node], static_cast<std::int32_t>(v));
}

// LightGBM: NumericalDecision and CategoricalDecision of include/LightGBM/tree.h; the row's reader makes zeros of
// values of at most 1e-35.
inline bool GoesLeftInLightgbm(const Forest& forest, std::size_t node, double v) {
  if (std::fabs(v) <= kLightgbmZero) v = 0;
  if (forest.category_set[node] >= 0) {
    if (v != v || v <= -1 || v >= 2147483648.0) return false;
    return IsInSet(forest, forest.category_set[node], static_cast<std::int32_t>(v));
  }
  const Forest::Missing missing = forest.missing[node];
  if (v != v && missing != Forest::Missing::kNan) v = 0;
  if ((missing == Forest::Missing::kZero && v == 0) || (missing == Forest::Missing::kNan && v != v))
    return forest.default_left[node] != 0;
  return v <= forest.value[node];
}

// REQUIRES: the node is no leaf; `v` is what the row has in its column.
inline bool GoesLeft(const Forest& forest, std::size_t node, double v) {
  return forest.engine == Forest::Engine::kXgboost ? GoesLeftInXgboost(forest, node, static_cast<float>(v))
                                                   : GoesLeftInLightgbm(forest, node, v);
}

}  // namespace gfr
