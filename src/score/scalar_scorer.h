// The reference: the forest as its file has it, node by node, row by row.
#pragma once

#include "score/scorer.h"

namespace gfr {

std::unique_ptr<Scorer> MakeScalarScorer(const Forest& forest);

}  // namespace gfr
