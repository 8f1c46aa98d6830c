// Draft: what the stages of the pipeline (ranker.h) make of one request, each from what those before it left.
//
// Thread safety: none; a draft belongs to its request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "bound/bound_model.h"
#include "event/event.h"
#include "experiment/unit.h"
#include "feed/feed_config.h"
#include "feed/feed_page.h"
#include "feed/feed_policy.h"
#include "feed/feed_request.h"
#include "feed/slate_outcome.h"
#include "rank/ranker.h"
#include "retrieve/list_maker.h"
#include "state/feature_reader.h"
#include "state/online_store.h"

namespace gfr {

// What all stages read. REQUIRES: outlives the request.
struct RankInput {
  const OnlineStore& store;
  const FeatureReader& reader;
  const BoundModel* model;      // Null: ordered by popularity.
  const CandidateLists* lists;  // Null: the channels have no candidates.
  const FeedConfig& config;
  const FeedRequest& request;
  Key user, session;
  std::size_t size;          // Of the slate: at most.
  const FeedPolicy* policy;  // Null: none.
  const RankSettings& settings;
};

// The position that the request's page begins at.
inline std::size_t PageBegin(const FeedRequest& request) { return request.page ? request.page->shown.size() : 0; }

// What the source `catalogue` puts first, for every round of a request (whole_catalogue.h).
struct CatalogueOrder {
  double budget_ms = 0;
  std::vector<std::string> items;  // By falling value.
};

struct Draft {
  Draft(const FeedRequest& request, Requester who)
      : rng(KeyOf(request.request_id)), lease(std::move(who.lease)), unit(std::move(who.unit)) {}
  Rng rng;          // All draws of the request, in the order of the stages.
  ReadLease lease;  // The instant that everything is read at.
  Unit unit;        // Whom the request is answered for: decided before any stage.

  // Candidates, in the order they are read. The channel is followed by '/' and the source where that is not the
  // channel's first; the record has them apart.
  std::vector<EventItem> items;
  std::vector<CatalogueOrder> catalogue;  // By budget.
  std::vector<std::uint8_t> rankings;     // Of a pair with other channels, bits by item: 1 the first's, 2 the second's.
  SlateOutcome outcome;                   // What is not to be shown, and how the slate was solved.
  std::unordered_set<Key> dropped;        // Of it, what is no candidate any more.
  std::vector<float> features;            // items x columns.
  std::vector<std::uint8_t> ineligible;   // Candidates that are not to be shown; empty: none.
  std::vector<std::vector<float>> scores;  // By objective of the configuration, by candidate.
  std::vector<float> value;
  std::vector<std::vector<float>> second_scores;  // The same of a pair's second ranking.
  std::vector<float> second_value;
  std::vector<float> propensity;

  std::function<bool(std::size_t)> may_swap;     // Of positions p and p + 1 of the slate; empty: any.
  bool is_swapped = false;                       // [feed.swap]: nothing is drawn, and a coin puts pairs in order.
  std::vector<std::size_t> slate;                // Candidates by position.
  std::vector<ServedDual> duals;                 // Prices of contracts that this slate went by.
  std::vector<ServedDraw> draws;                 // What was drawn, in order.
  std::vector<std::int32_t> swaps;               // Upper positions of the pairs that a coin put in order.
  std::vector<float> credit;                     // Of a pair, by position.
  std::vector<std::vector<float>> scores_shown;  // The same where an item is shown; empty: the model reads no position.
};

}  // namespace gfr
