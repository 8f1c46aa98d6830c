// Stage 1 of the pipeline: the items that the slate is chosen from: the caller's, else those of the channels.
#pragma once

#include <cstddef>
#include <unordered_set>

#include "rank/draft.h"

namespace gfr {

inline constexpr const char* kPinChannel = "pin";  // Of an item that a policy pins and no channel found.

// Fills `items`, without what the request excludes, what the pages before
// it showed and what the user hid. REQUIRES: the lease has found the user.
void FindCandidates(const RankInput& in, Draft* draft);

// Adds what the channels have beyond `known`: of each at most `times` its quota. REQUIRES: FindCandidates; the request
// brings no candidates.
void FindMoreCandidates(const RankInput& in, std::size_t times, const std::unordered_set<Key>& known, Draft* draft);

}  // namespace gfr
