// Stage 5 of the pipeline: the slate: best values first, apart from what is drawn to learn from, whose propensity the
// record keeps.
//
// With candidates of the channels every sixth position is kept for one drawn from the explore channel. On the swapped
// share of requests nothing is drawn, and a coin puts pairs of neighbours in order.
#pragma once

#include "rank/draft.h"

namespace gfr {

// The positions, of a slate with candidates of the channels, that are kept for one drawn from the explore channel.
inline constexpr std::size_t kExploreEvery = 6;
inline bool IsExplored(std::size_t position) { return position % kExploreEvery == kExploreEvery - 1; }

// Fills slate, draws, swaps and propensity. REQUIRES: ComputeValues.
void ChooseSlate(const RankInput& in, Draft* draft);

}  // namespace gfr
