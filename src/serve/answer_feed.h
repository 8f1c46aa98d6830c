// AnswerFeed: a feed's request to its slate: what the unit is assigned, and the pipeline with it. One way for the owner
// and for readers, so that both assign alike.
//
// Headers: X-Amzn-SageMaker-Target-Variant names the production variant, X-GFR-Assign arms too
// (experiment/assignment.h); both mark what they decide. Thread safety: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "experiment/assignment.h"
#include "feed/feed_config.h"
#include "rank/ranker.h"
#include "serve/http_message.h"
#include "serve/model_pool.h"

namespace gfr {

// What answers at one time. REQUIRES: outlives the call.
struct FeedParts {
  const Feeds& feeds;
  const Assigner& assigner;
  const ServedModels& models;
  const OnlineStore& store;
  const FeatureReader& rows;
  const CandidateLists* lists;
  std::uint64_t configuration;                // Fingerprint.
  const ContractPrices* contracts = nullptr;  // RankSettings::contracts.
  ShadowInput* keep = nullptr;                // RankSettings::keep.
};

struct AnsweredFeed {
  Feed feed;
  Assignment assignment;
  bool declared_surface = true;
};

// Throws BadRequest: an override names what is not known.
AnsweredFeed AnswerFeed(const FeedParts& parts, const HttpRequest& http, const FeedRequest& request,
                        const StageObserver& observe = {});

// What the headers override. Throws BadRequest.
Overrides OverridesOf(const HttpRequest& http, const Assigner& assigner);

// AssignmentQuery::version_of of a request, as of now. REQUIRES: `rows` outlive it.
std::function<std::uint32_t(std::string_view)> VersionsOf(const FeatureReader& rows, const FeedRequest& request,
                                                          const Requester& who);

// The reply's headers: which production variant answered.
void NameVariant(const Assignment& assignment, HttpResponse* response);

}  // namespace gfr
