// Stage 3 of the pipeline: the model's probabilities.
#pragma once

#include "rank/draft.h"

namespace gfr {

// Of all candidates; NaN without a model. A model that reads the position predicts at its reference.
void PredictScores(const RankInput& in, Draft* draft);
// Of the slate's items where they are shown, for a model that reads the position. REQUIRES: the slate is final.
void PredictShown(const RankInput& in, Draft* draft);

}  // namespace gfr
