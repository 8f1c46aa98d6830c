// A model of one split, for tests of evaluation.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "model/model.h"

namespace gfr {

// feed/1, of one column x with one split at 0: rows with x >= 0 are more probable.
inline Model OneSplit() {
  ObjectiveModel pctr{.name = "pctr"};
  pctr.forest = {.objective = "binary:logistic", .link = Forest::Link::kSigmoid, .columns = 1, .base_margin = {0}};
  const auto n = Forest::Missing::kNan;
  EXPECT_TRUE(AddTree({.feature = {0, 0, 0},
                       .left = {1, -1, -1},
                       .right = {2, -1, -1},
                       .value = {0, -2, -0.5},
                       .default_left = {0, 0, 0},
                       .missing = {n, n, n},
                       .category_set = {-1, -1, -1}},
                      0, "", pctr.forest)
                  .ok());
  Model model;
  model.name = "feed";
  model.version = "1";
  model.columns = {"x"};
  model.categorical = {0};
  model.categories.resize(1);
  model.objectives.push_back(std::move(pctr));
  return model;
}

}  // namespace gfr
