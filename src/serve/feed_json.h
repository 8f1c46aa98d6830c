// The JSON of a feed's request and reply, and what else the calls of a server and of a reader share.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "event/event_rules.h"
#include "feature/feature_set.h"
#include "feed/feed.h"
#include "feed/feed_request.h"
#include "serve/http_message.h"
#include "serve/json_shape.h"
#include "serve/router.h"

namespace gfr {

HttpResponse JsonResponse(int status, const nlohmann::ordered_json& json);
// How many candidates a request may name, with so many columns of features: 1,000 to 10,000.
std::size_t MaxCandidates(std::size_t columns);
const JsonShape& FeedRequestShape();     // Of a feed's body.
const JsonShape& PromoteRequestShape();  // Of POST /v1/models/promote.
// The body keeps FeedRequestShape; properties keep event/event_rules.h, and what is not declared may be anything.
// Throws BadRequest.
FeedRequest ParseFeedRequest(const std::string& body, std::size_t max_candidates = 10'000,
                             const EventRules& rules = {});
// A property as JSON has it: a text, true or false, a number, or a list of numbers. Nothing: it is of another kind.
std::optional<Property> PropertyOfJson(const std::string& name, const nlohmann::json& value);
// Names that a request gives and no table declares: nobody reads them.
std::size_t UndeclaredNames(const FeedRequest& request, const PropertySchema& schema);
// What rules left out: {"rule", "count", "items": ids, of those that were no candidates the first few}.
nlohmann::ordered_json LeftOutJson(const SlateOutcome& outcome, const Event& request);
// `explain`: every feature, and what was left out, also when the request does not ask for it.
nlohmann::ordered_json FeedJson(const Feed& feed, const FeedRequest& request, const FeatureSet* features, bool explain);
// [feed] impressions = "on_serve": what was sent counts as seen.
Event ImpressionOf(const Event& request, const Feed& feed);

}  // namespace gfr
