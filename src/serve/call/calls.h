// The calls of an owner, one file each. Scopes and paths stand in Service's table of routes.
// Each may throw BadRequest, which the router answers 400. Those that append reply once it is on disk and folded, from
// another thread. Thread safety: from any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "serve/http_message.h"
#include "serve/service_state.h"

namespace gfr {

std::vector<std::string> EventContentTypes();  // That POST /v1/events takes.
void PostEvents(ServiceState& s, const HttpRequest& request, HttpReply reply);
void PostFeed(ServiceState& s, const HttpRequest& request, HttpReply reply);
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
// What owner and reader say alike of their models, and of the whole: "state" is ready, degraded or not ready, and "why"
// says what is not as it should be.
nlohmann::ordered_json ModelsStatus(const ServedModels& models);
HttpResponse StatusResponse(nlohmann::ordered_json json, const std::vector<std::string>& not_ready,
                            const std::vector<std::string>& degraded);

}  // namespace gfr
