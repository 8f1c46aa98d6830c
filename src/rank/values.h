// Stage 4 of the pipeline: each candidate's ranking value, and the order that it gives.
#pragma once

#include <cstddef>
#include <vector>

#include "rank/draft.h"

namespace gfr {

// By the value formula; by popularity without a model. REQUIRES: PredictScores.
void ComputeValues(const RankInput& in, Draft* draft);

// Of each item property that the value formula reads, one number a candidate: the catalogue's, with what the caller
// said of the item over it.
std::vector<std::vector<double>> FormulaProperties(const RankInput& in, const Draft& draft);

// Best value first; equal and NaN values keep their order, NaN last.
std::vector<std::size_t> OrderByValue(const std::vector<float>& value);

}  // namespace gfr
