// The bit-sliced forest: docs/design/bit-sliced-forest.md.
#pragma once

#include "score/scorer.h"

namespace gfr {

// REQUIRES: `kind` is supported, kPortable, kAvx2 or kAvx512; `binning` includes the forest. `compact`: takes batches
// of raw rows that are too small to be ranked; may be null. Errors: kResourceExhausted for more than 2^20 conditions.
Result<std::unique_ptr<Scorer>> MakeBitSlicedScorer(const Forest& forest, ScorerKind kind,
                                                    std::shared_ptr<const Binning> binning,
                                                    std::unique_ptr<Scorer> compact);

}  // namespace gfr
