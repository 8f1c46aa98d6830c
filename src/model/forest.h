// Forest: gradient-boosted trees as flat arrays, read from XGBoost's JSON or UBJSON.
//
// A node with feature f goes left when value < threshold (float32), a missing value as default_left says. A margin is
// base_margin plus the leaves in tree order, in float32, as XGBoost adds them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfr {

struct Forest {
  std::vector<std::int32_t> root;     // One a tree.
  std::vector<std::int32_t> feature;  // -1: a leaf. Children follow their parent in the arrays, so there are no cycles.
  std::vector<std::int32_t> left, right;
  std::vector<float> value;  // A threshold, or a leaf's value.
  std::vector<std::uint8_t> default_left;
  float base_margin = 0;
  int columns = 0;
};

// Any bytes are safe: kCorrupt or kInvalidArgument names what was wrong. Categorical splits are refused by name.
Result<Forest> ParseXgboost(std::string_view bytes);

}  // namespace gfr
