// Stage 1 of the pipeline: the items that the slate is chosen from: the caller's, else those of the channels.
#pragma once

#include "rank/draft.h"

namespace gfr {

// Fills `items`, without what the request excludes and what the user hid. REQUIRES: the lease has found the user.
void FindCandidates(const RankInput& in, Draft* draft);

}  // namespace gfr
