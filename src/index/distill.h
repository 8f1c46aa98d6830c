// Distilling a first stage (retrieve/first_stage.h) from a ranker: the ranker values every item on sale for the users
// and contexts of logged requests, as of the states at hand. Never shown items alone: what the ranker would like and
// nobody was shown is in it.
//
// Anchors are chosen among random items on sale by a QR decomposition with column pivoting of the matrix of their
// values, so that together they tell most of all others. The items that are read are those that came highest for any
// request. A fifth of the requests is held out: for them the share of the ranker's own best that the first stage would
// bring to it is measured. Equal states and requests give equal bytes. Thread safety: pure functions.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "bound/bound_model.h"
#include "feed/feed_config.h"
#include "feed/feed_request.h"
#include "log/event_source.h"
#include "retrieve/first_stage.h"
#include "state/feature_reader.h"
#include "state/online_store.h"

namespace gfr {

struct DistillOptions {
  std::size_t anchors = 64;
  std::size_t items = 20'000;       // That a request reads, at most.
  std::size_t anchor_pool = 1'000;  // Random items among which anchors are chosen.
  double ridge = 0.02;              // Of the mean variance that the anchors explain.
  std::uint64_t seed = 1;
};

struct Distilled {
  std::shared_ptr<const FirstStage> stage;
  std::size_t on_sale = 0, requests = 0, held_out = 0;
  std::size_t ranked = 0;  // Items that the ranker values in a request's budget: `recall` is among so many.
  double recall = 0;       // Of the ranker's own best kTop of the whole catalogue, over the requests held out.
};
inline constexpr std::size_t kDistillTop = 20;

// Values of [feed] by `model`. Costs requests x items on sale of ranking. kInvalidArgument: too few requests, or items
// on sale, or the model values nothing.
Result<Distilled> DistillFirstStage(const OnlineStore& store, const FeatureReader& reader, const BoundModel& model,
                                    const FeedConfig& feed, std::span<const FeedRequest> requests, double budget_ms,
                                    const DistillOptions& options);

// At most `most` of the log's requests of the feed, each as likely as any other, in the log's order.
Result<std::vector<FeedRequest>> SampleRequests(EventSource& log, std::string_view feed, std::size_t most,
                                                std::uint64_t seed);

}  // namespace gfr
