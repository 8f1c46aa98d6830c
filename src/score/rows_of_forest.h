// Random rows around a forest's own thresholds, for benchmarks; and what a forest is made of, for people.
#pragma once

#include <cstdint>
#include <vector>

#include "model/forest.h"

namespace gfr {

// count x forest.columns: each value near a random threshold of its column (or a category of its sets), missing with
// the given chance; a column without splits is 0.
std::vector<float> RowsOfForest(const Forest& forest, std::size_t count, double missing, std::uint64_t seed);

struct ForestSummary {
  int depth = 0;  // Splits on the longest path.
  std::size_t leaves = 0, columns_used = 0, categorical_columns = 0;
  std::size_t cut_points = 0, most_cut_points = 0;  // Of all columns; of one.
};
ForestSummary Summarize(const Forest& forest);

}  // namespace gfr
