// Stage 3 of the pipeline: the model's probabilities.
#pragma once

#include <string>
#include <vector>

#include "rank/draft.h"

namespace gfr {

// What the model says of each objective, `count` rows each; NaN of those that it does not have, and without a model.
// `slate_size`: how many of the rows are shown (BoundModel::Predict).
std::vector<std::vector<float>> ScoresOf(const BoundModel* model, const std::vector<std::string>& objectives,
                                         const float* rows, std::size_t count, std::size_t slate_size);

// Of all candidates; NaN without a model. A model that reads the position predicts at its reference.
void PredictScores(const RankInput& in, Draft* draft);
// Of the slate's items where they are shown, for a model that reads the position. REQUIRES: the slate is final.
void PredictShown(const RankInput& in, Draft* draft);

}  // namespace gfr
