// Stage 2 of the pipeline: the candidates' feature values.
#pragma once

#include "rank/draft.h"

namespace gfr {

// REQUIRES: FindCandidates.
void ReadFeatures(const RankInput& in, Draft* draft);

}  // namespace gfr
