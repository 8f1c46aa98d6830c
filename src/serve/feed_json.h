// The JSON of a feed's request and reply, and what else the calls of a server and of a reader share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "feature/feature_set.h"
#include "feed/feed.h"
#include "feed/feed_request.h"
#include "serve/http_server.h"

namespace gfr {

struct BadRequest {  // Thrown; the call is answered 400.
  std::string why;
};

HttpResponse JsonResponse(int status, const nlohmann::ordered_json& json);
std::string UrlDecode(std::string_view text);  // "a%2Fb" to "a/b"; what is not two hex digits stays as it is.
// A member that is not there, or null, is empty. Throws BadRequest.
std::string TextOf(const nlohmann::ordered_json& object, const char* key);
// Throws BadRequest.
FeedRequest ParseFeedRequest(const std::string& body);
// Names that a request gives and no table declares: nobody reads them.
std::size_t UndeclaredNames(const FeedRequest& request, const PropertySchema& schema);
// `explain`: every feature, also when the request does not ask for it.
nlohmann::ordered_json FeedJson(const Feed& feed, const FeedRequest& request, const FeatureSet* features, bool explain);
// [feed] impressions = "on_serve": what was sent counts as seen.
Event ImpressionOf(const Event& request, const Feed& feed);
// With a token, who gives it; else this machine.
bool IsAdmin(const HttpRequest& request, const std::string& token);
HttpResponse Denied();  // 401.

}  // namespace gfr
