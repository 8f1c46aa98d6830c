// Recheck: which items of a slate that was made before may still be shown: on sale, not hidden by the user since, and
// left out by no rule of the feed. Nothing is scored or drawn.
//
// Thread safety: from any thread, beside the store's writer.
#pragma once

#include <string>
#include <vector>

#include "rank/ranker.h"

namespace gfr {

// `items`: ids, in the slate's order; those that may be shown come back, in the same order. `who`: of this request and
// `reader`. The candidates of the request are not looked at.
std::vector<std::string> StillEligible(const OnlineStore& store, const FeatureReader& reader, const FeedConfig& feed,
                                       const FeedRequest& request, Requester who,
                                       const std::vector<std::string>& items);

}  // namespace gfr
