// The source `catalogue`: where the whole catalogue can be scored within the source's budget of processor time, the
// ranker itself chooses: its best items by value become candidates that no other source needs to find.
//
// The budget becomes a number of items by what the model measured of itself when it was loaded
// (BoundModel::RowsWithin), so equal requests of one model get equal candidates, however busy the machine is. Of a
// catalogue with more items than that a first stage (retrieve/first_stage.h) chooses which the ranker values, where
// there is one for the model and the feed; else it is left to the other sources. Features that read a candidate's slate
// are read among all that are valued here. Thread safety: as the pipeline's other stages.
#pragma once

#include <span>
#include <unordered_set>
#include <vector>

#include "rank/draft.h"
#include "retrieve/first_stage.h"

namespace gfr {

// Adds them behind those that the draft has. REQUIRES: candidates come from the tables of this process, and the draft
// has one ranking.
void AddBestOfCatalogue(const RankInput& in, const std::unordered_set<Key>& excluded, Draft* draft);

// The value of each of these items for the request's user, as of now. REQUIRES: in.model is not null.
std::vector<float> CatalogueValues(const RankInput& in, std::span<const EventItem> items);

// How many items the ranker values behind the first stage: what is left of the budget by the anchors and by the dot
// products, a quarter of it.
std::size_t FirstStageRows(const BoundModel& model, double budget_ms, const FirstStage& stage);

}  // namespace gfr
