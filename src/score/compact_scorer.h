// The forest for a row or a few: eight trees walked at a time so that their loads overlap, one unsigned comparison a
// step (row_ordinals.h); leaves are added in tree order.
#pragma once

#include "score/scorer.h"

namespace gfr {

std::unique_ptr<Scorer> MakeCompactScorer(const Forest& forest);

// Of a row, in the units of BitProgram::block_cost().
double CompactCost(const Forest& forest);

}  // namespace gfr
