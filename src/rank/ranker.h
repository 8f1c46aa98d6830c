// Ranker: a request to a slate: candidates, features, probabilities, value, order, and the feed.request event that
// explains it.
//
// Without a model the slate is ordered by popularity and `degraded` says so. With candidates of the caller the order of
// equal values is the caller's; with candidates of the channels every sixth place is kept for one drawn from the
// explore channel, with its propensity. Rows that are missing because their server is gone are said in `degraded`
// ("store"). A model that reads the place shown ranks all candidates at its reference, and says of what it shows the
// probabilities at its place too. Thread safety: Rank from any thread, beside the store's writer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bound/bound_model.h"
#include "feed/value_formula.h"
#include "retrieve/channels.h"
#include "state/online_store.h"

namespace gfr {

struct FeedConfig {
  int size = 20;
  ValueFormula value;
  bool impressions_on_serve = false;
  std::vector<ChannelConfig> channels;
  // [feed.swap] share: of so many requests, nothing is drawn, and pairs of neighbouring places (0 and 1, 2 and 3, ...
  // or 1 and 2, ...) are put in order by a coin each.
  double swap_share = 0;
};

struct FeedRequest {
  std::string request_id, user_id, session_id, surface;
  std::vector<Property> context;
  std::vector<EventItem> candidates;
  bool has_candidates = false;
  bool explain = false;  // The reply shows the features.
  std::vector<std::string> exclude;
  int size = 0;  // 0: the configuration's.
  std::int64_t now_ms = 0;
};

struct FeedItem {
  std::string item_id, channel;
  float pctr, pcvr, value, propensity;
  float pctr_shown = kMissing, pcvr_shown = kMissing;  // ServedSlate; kMissing: there are none.
  std::size_t row;                                     // In the event's served.features.
};

struct Feed {
  std::vector<FeedItem> items;
  std::vector<std::string> degraded;
  std::string model_name, model_version;
  Event event;  // The feed.request to log: items in the slate's order.
};

// `reader` reads features of `store`, whose items are the candidates; `request.now_ms` is when.
Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request);

}  // namespace gfr
