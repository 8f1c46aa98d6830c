// A forest of two stumps over columns "a" and "b", for tests: a < 0.5 gives -1, else 1 (missing: 1); b < 2 adds 0.25,
// else 0.5 (missing: 0.25).
#pragma once

#include <cstdlib>

#include "model/forest.h"

namespace gfr {

inline Forest StumpsForTests(Forest::Engine engine = Forest::Engine::kXgboost) {
  Forest forest{.engine = engine, .objective = "reg:squarederror", .columns = 2, .rounds = 2};
  forest.column_names = {"a", "b"};
  forest.base_margin = {0};
  const auto stump = [&](int feature, double threshold, bool default_left, double low, double high) {
    const Forest::Missing nan = Forest::Missing::kNan;
    const TreeNodes nodes{.feature = {feature, -1, -1},
                          .left = {1, -1, -1},
                          .right = {2, -1, -1},
                          .value = {threshold, low, high},
                          .default_left = {default_left, 0, 0},
                          .missing = {nan, nan, nan},
                          .category_set = {-1, -1, -1}};
    if (!AddTree(nodes, 0, "stump", forest).ok()) std::abort();
  };
  stump(0, 0.5, false, -1, 1);
  stump(1, 2, true, 0.25, 0.5);
  return forest;
}

}  // namespace gfr
