// The calls of an owner, one file each. Scopes and paths stand in Service's table of routes.
// Each may throw BadRequest, which the router answers 400. Those that append reply once it is on disk and folded, from
// another thread. Thread safety: from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "event/event_json.h"
#include "feed/feed.h"
#include "feed/feed_request.h"
#include "serve/http_message.h"
#include "serve/service_state.h"

namespace gfr {

std::vector<std::string> EventContentTypes();  // That POST /v1/events takes.
// A body larger than an event may be is taken slice by slice (event/event_slices.h): the next one is read once the one
// before it is folded. Where the log fails in between, the answer says how many events were taken.
void PostEvents(ServiceState& s, HttpRequest request, HttpReply reply);
// What became of a body's events; `rejected` holds no events.
struct TakenEvents {
  std::uint64_t accepted = 0, duplicates = 0;
  ParsedEvents rejected;
  bool none() const { return accepted + duplicates == 0 && rejected.rejected_count > 0; }  // All were rejected.
};
using AnswerEvents = std::function<HttpResponse(const TakenEvents&)>;
// Events as any protocol sent them, into the log and the states; answered once they are there, as the protocol answers.
// REQUIRES: they keep the rules of events (event/event_rules.h).
void TakeEvents(ServiceState& s, ParsedEvents parsed, HttpReply reply, AnswerEvents answer);
// Why no events are taken now; nothing: they are.
std::optional<HttpResponse> RefusalOfEvents(const ServiceState& s);
void PostFeed(ServiceState& s, const HttpRequest& request, HttpReply reply);
// How a protocol tells a feed; without its own an unlogged feed is told as a logged one.
using TellFeed =
    std::function<nlohmann::ordered_json(const Feed& feed, const FeedRequest& request, const FeatureSet& features)>;
// Ranks and logs a feed that another protocol asks for. `request` has kept FeedRequestShape's bounds. May throw
// BadRequest.
void ServeFeed(ServiceState& s, const HttpRequest& http, FeedRequest request, HttpReply reply, const TellFeed& tell,
               bool tells_degraded = false);
void PostServed(ServiceState& s, const HttpRequest& request, HttpReply reply);
HttpResponse GetLists(ServiceState& s, const HttpRequest& request);
HttpResponse GetExplain(ServiceState& s, const HttpRequest& request);  // Its parameter: the request's id.
HttpResponse GetJob(ServiceState& s, const std::string& job_id);
HttpResponse JobStarted(const std::string& job_id);  // 202, and where its answer will be.
HttpResponse GetModels(ServiceState& s);
HttpResponse PostPromote(ServiceState& s, const HttpRequest& request);
HttpResponse PostRollback(ServiceState& s);
HttpResponse PostReload(ServiceState& s);
HttpResponse GetExperiments(ServiceState& s);
HttpResponse GetReadyz(const ServiceState& s);
HttpResponse GetLivez();
// Of a server that can serve: "ok", or "degraded" with what is not as the registry says.
HttpResponse ReadyResponse(const ModelPool& models);
HttpResponse GetMetrics(ServiceState& s);
HttpResponse GetStatus(ServiceState& s);
// What owner and reader say alike of their models, of their jobs, and of the whole: "state" is ready, degraded or not
// ready, and "why" says what is not as it should be.
nlohmann::ordered_json ModelsStatus(const ServedModels& models);
nlohmann::ordered_json JobsStatus(const Scheduler& background);
HttpResponse StatusResponse(nlohmann::ordered_json json, const std::vector<std::string>& not_ready,
                            const std::vector<std::string>& degraded);

}  // namespace gfr
