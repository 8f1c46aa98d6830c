// Ranker: a request to a slate: candidates, features, probabilities, value, order, and the feed.request event that
// explains it.
//
// Without a model the slate is ordered by popularity and `degraded` says so. With candidates of the caller the order of
// equal values is the caller's; with candidates of the channels every sixth place is kept for one drawn from the
// explore channel, with its propensity. Rows that are missing because their server is gone are said in `degraded`
// ("store"). A model that reads the place shown ranks all candidates at its reference, and says of what it shows the
// probabilities at its place too. Thread safety: Rank from any thread, beside the store's writer.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "rank/value_formula.h"
#include "retrieve/channels.h"
#include "score/scorer.h"
#include "store/online_store.h"

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

// A model made ready: its scorers, and its columns checked against the features in use.
class BoundModel {
 public:
  static Result<std::shared_ptr<const BoundModel>> Make(Model model, const FeatureSet& features);
  const Model& model() const { return model_; }
  // Calibrated probabilities of the objectives wanted, for rows x columns raw feature values, which are ranked against
  // the cut points of all objectives once. The rows are all candidates of one request, of which a slate shows
  // `slate_size` (softmax_link.h). `out` of an objective that the model does not have is left as it is.
  struct Wanted {
    std::string_view objective;
    std::vector<float>* out;
  };
  void Predict(std::initializer_list<Wanted> wanted, const float* rows, std::size_t count,
               std::size_t slate_size) const;

 private:
  Model model_;
  std::vector<std::unique_ptr<const Scorer>> scorers_;
};

// `reader` reads features of `store`, whose items are the candidates; `request.now_ms` is when.
Feed Rank(const OnlineStore& store, const FeatureReader& reader, const BoundModel* model, const FeedConfig& config,
          const FeedRequest& request);

}  // namespace gfr
