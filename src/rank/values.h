// Stage 4 of the pipeline: each candidate's ranking value, and the order that it gives.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "rank/draft.h"

namespace gfr {

// Each candidate's by the model's `scores` (by objective of the configuration) and the item properties that the value
// formula reads (FormulaProperties): by the formula, or by the first objective that the model has where it lacks one of
// the formula's.
std::vector<float> ModelValues(const Model& model, const FeedConfig& config,
                               const std::vector<std::vector<float>>& scores,
                               const std::vector<std::vector<double>>& properties, std::size_t count);

// Whether the model lacks an objective that the value formula names: the log had no events to train it on.
bool LacksObjective(const RankInput& in);

// By the value formula; by the first objective that the model has where it lacks one of the formula's; by popularity
// without a model. REQUIRES: PredictScores.
void ComputeValues(const RankInput& in, Draft* draft);

// Of each item property that the value formula reads, one number a candidate: the catalogue's, with what the caller
// said of the item over it.
std::vector<std::vector<double>> FormulaProperties(const RankInput& in, const Draft& draft);
// The same of any items and their rows.
std::vector<std::vector<double>> FormulaProperties(const RankInput& in, std::span<const EventItem> items,
                                                   std::span<const std::byte* const> rows);

// Best value first; equal and NaN values keep their order, NaN last.
std::vector<std::size_t> OrderByValue(const std::vector<float>& value, std::size_t first = SIZE_MAX);
// The same of the candidates that may be shown alone. `ineligible`: by candidate, or empty (Draft).
std::vector<std::size_t> OrderByValue(const std::vector<float>& value, const std::vector<std::uint8_t>& ineligible,
                                      std::size_t first);

}  // namespace gfr
