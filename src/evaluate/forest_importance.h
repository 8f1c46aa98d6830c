// The importance of a forest's columns, which only the library that trained the forest can tell.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace gfr {

// What a forest's columns do: their total gain in training, and the mean of their SHAP values' sizes over some rows
// (exact, path-dependent: Lundberg, Erion and Lee 2018), in margins before any link.
struct ForestImportance {
  std::vector<double> gain, mean_abs_shap;  // One a column.
};
// `forest`: as its library wrote it; `rows`: count x columns, as the forest reads them.
using ExplainForest = std::function<Result<ForestImportance>(const std::string& forest, const float* rows,
                                                             std::size_t count, std::size_t columns)>;

}  // namespace gfr
