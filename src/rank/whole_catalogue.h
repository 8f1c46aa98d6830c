// The source `catalogue`: where the whole catalogue can be scored within the source's budget of processor time, the
// ranker itself chooses: its best items by value become candidates that no other source needs to find.
//
// The budget becomes a number of items by what the model measured of itself when it was loaded
// (BoundModel::RowsWithin), so equal requests of one model get equal candidates, however busy the machine is. A
// catalogue with more items than that is left to the other sources. Features that read a candidate's slate are read
// among the whole catalogue here. Thread safety: as the pipeline's other stages.
#pragma once

#include <unordered_set>

#include "rank/draft.h"

namespace gfr {

// Adds them behind those that the draft has. REQUIRES: candidates come from the tables of this process, and the draft
// has one ranking.
void AddBestOfCatalogue(const RankInput& in, const std::unordered_set<Key>& excluded, Draft* draft);

}  // namespace gfr
