// The forest for a row or a few: small nodes, siblings side by side, eight trees walked at a time so that their loads
// overlap; leaves are added in tree order.
#pragma once

#include "score/scorer.h"

namespace gfr {

std::unique_ptr<Scorer> MakeCompactScorer(const Forest& forest);

}  // namespace gfr
