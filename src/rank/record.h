// Stage 6 of the pipeline: the reply, and the feed.request event that explains it.
//
// The event keeps every candidate in the order they were read (a slate feature sees them all); `index` is the position
// shown, -1 not shown. What it keeps of each: feed/slate_record.h.
#pragma once

#include "feed/feed.h"
#include "rank/draft.h"

namespace gfr {

// REQUIRES: all other stages. Takes what the draft holds.
Feed MakeFeed(const RankInput& in, Draft draft);

}  // namespace gfr
