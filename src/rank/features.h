// Stage 2 of the pipeline: the candidates' feature values.
//
// What may not be shown is left out here (eligibility.h). Where rules leave fewer items than the slate has positions,
// the channels are asked for more, until there are enough or the channels have no others.
#pragma once

#include "rank/draft.h"

namespace gfr {

// REQUIRES: FindCandidates.
void ReadFeatures(const RankInput& in, Draft* draft);

}  // namespace gfr
