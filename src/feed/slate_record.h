// The record of a slate in the log: what a feed.request keeps of its candidates.
//
// Every candidate's id, source and what the caller said of it are kept; features and scores of what was shown; scores
// of every pool that was drawn from; and of all candidates one checksum a column. The rest is what a replay from the
// record's positions gives. A share of the requests keeps everything, as an oracle for that replay. Thread safety: pure
// functions.
#pragma once

#include <string_view>
#include <vector>

#include "event/event.h"

namespace gfr {

// Whether a request's record is kept whole: by a hash of its id with a salt of its own, so that every server decides
// alike, and no other draw of the request goes with it.
bool KeepsFullRecord(std::string_view request_id, double full_share);

// Ascending item indexes: those shown.
std::vector<std::uint32_t> ShownItems(const std::vector<EventItem>& items);
// Those shown, or in a pool that was drawn from.
std::vector<std::uint32_t> ScoredItems(const std::vector<EventItem>& items, const std::vector<ServedDraw>& draws);

// Makes a full record a pruned one. One that is pruned stays as it is.
void Prune(Event* request);

}  // namespace gfr
