// Ranker: a request to a slate, as a pipeline of stages, one file each: candidates, features, scores, values, policy
// (the slate), record (the reply and the feed.request event that explains it). draft.h is what they hand on.
//
// Without a model the slate is ordered by popularity and `degraded` says so. With candidates of the caller the order of
// equal values is the caller's. Rows that are missing because their server is gone are said in `degraded` ("store"). A
// model that reads the place shown ranks all candidates at its reference, and says of what it shows the probabilities
// at its place too. Thread safety: Rank from any thread, beside the store's writer.
#pragma once

#include <functional>
#include <string_view>

#include "bound/bound_model.h"
#include "feed/feed.h"
#include "feed/feed_config.h"
#include "feed/feed_request.h"
#include "retrieve/list_maker.h"
#include "state/feature_reader.h"
#include "state/online_store.h"

namespace gfr {

// Told how long each stage took: "candidates", "features", "scores", "values", "policy" and "record".
using StageObserver = std::function<void(std::string_view stage, double seconds)>;

// `reader` reads features of `store`, whose items are the candidates; `request.now_ms` is when. `lists`: where
// candidates come from when the request has none; null: there are none yet, which `degraded` says ("channels").
Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request, const CandidateLists* lists, const StageObserver& observe = {});

}  // namespace gfr
