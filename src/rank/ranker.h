// Ranker: a request to a slate, as a pipeline of stages, one file each: candidates, features, scores, values, policy
// (the slate), record (the reply and the feed.request event that explains it). draft.h is what they hand on.
//
// Without a model the slate is ordered by popularity and `degraded` says so. With candidates of the caller the order of
// equal values is the caller's. Rows that are missing because their server is gone are said in `degraded` ("store"). A
// model that reads the place shown ranks all candidates at its reference, and says of what it shows the probabilities
// at its place too. Thread safety: Rank from any thread, beside the store's writer.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "bound/bound_model.h"
#include "experiment/unit.h"
#include "feed/feed.h"
#include "feed/feed_config.h"
#include "feed/feed_request.h"
#include "retrieve/list_maker.h"
#include "state/feature_reader.h"
#include "state/online_store.h"

namespace gfr {

// Whom a request is answered for. Found first, since what answers is assigned to the unit; the pipeline then reads at
// the same instant.
struct Requester {
  ReadLease lease;
  Unit unit;
};
Requester FindRequester(const FeatureReader& reader, const FeedRequest& request);

struct ShadowInput;
class ContractPrices;

// The second of two rankings that a slate is merged of. REQUIRES: what it points to outlives the call.
struct RankPair {
  std::string experiment;
  const FeedConfig& feed;
  const BoundModel* model = nullptr;  // Null exactly where the first ranking has none.
  ModelRole role = ModelRole::kChampion;
  double examination = 0.5;  // ExaminationCurve::exponent.
};

// What answers: decided before the pipeline. REQUIRES: what it points to outlives the call.
struct RankSettings {
  const FeedConfig& feed;
  const BoundModel* model = nullptr;  // Null: ordered by popularity.
  ModelRole role = ModelRole::kChampion;
  bool popular = false;  // Ordered by popularity, as a choice: nothing is degraded. REQUIRES: no model.
  std::vector<ServedExperiment> experiments = {};  // For the record.
  std::uint64_t configuration = 0;                 // Its fingerprint, for the record.
  const RankPair* pair = nullptr;                  // Null: the slate is of one ranking.
  const ContractPrices* contracts = nullptr;       // What the feed's contracts cost now; null: nothing is known.
  ShadowInput* keep = nullptr;                     // Gets what shadows score (shadow.h); null: there are none.
};

// Told how long each stage took: "candidates", "features", "scores", "values", "policy" and "record".
using StageObserver = std::function<void(std::string_view stage, double seconds)>;

// `reader` reads features of `store`, whose items are the candidates; `request.now_ms` is when. `lists`: where
// candidates come from when the request has none; null: there are none yet. `degraded` says "channels" where a channel
// of the feed has no lists. `who`: of this request and `reader`.
Feed Rank(const OnlineStore& store, const FeatureReader& reader, const RankSettings& settings,
          const FeedRequest& request, Requester who, const CandidateLists* lists, const StageObserver& observe = {});
// The same with nothing assigned.
Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request, const CandidateLists* lists, const StageObserver& observe = {});

}  // namespace gfr
