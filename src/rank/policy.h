// Stage 5 of the pipeline: the slate: best values first, apart from what is drawn to learn from, whose propensity the
// record keeps.
//
// With candidates of the channels every sixth position is kept for one drawn from the explore channel. On the swapped
// share of requests nothing is drawn, and a coin puts pairs of neighbours in order.
#pragma once

#include "rank/draft.h"

namespace gfr {

// Fills slate, draws, swaps and propensity. REQUIRES: ComputeValues.
void ChooseSlate(const RankInput& in, Draft* draft);

}  // namespace gfr
