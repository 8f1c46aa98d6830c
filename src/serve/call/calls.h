// The calls of an owner, one file each. Scopes and paths stand in Service's table of routes.
// Each may throw BadRequest, which the router answers 400. Thread safety: from any thread.
#pragma once

#include <string>

#include "serve/http_server.h"
#include "serve/service_state.h"

namespace gfr {

HttpResponse PostEvents(ServiceState& s, const HttpRequest& request);
HttpResponse PostFeed(ServiceState& s, const HttpRequest& request);
HttpResponse PostServed(ServiceState& s, const HttpRequest& request);
HttpResponse GetExplain(ServiceState& s, const HttpRequest& request, const std::string& request_id);
HttpResponse GetJob(ServiceState& s, const std::string& job_id);
HttpResponse JobStarted(const std::string& job_id);  // 202, and where its answer will be.
HttpResponse GetModels(ServiceState& s);
HttpResponse PostPromote(ServiceState& s, const HttpRequest& request);
HttpResponse PostRollback(ServiceState& s);
HttpResponse GetReadyz(const ServiceState& s);
HttpResponse GetLivez();
// Of a server that can serve: "ok", or "degraded" with what is not as the registry says.
HttpResponse ReadyResponse(const ModelPool& models);
HttpResponse GetMetrics(const ServiceState& s);

}  // namespace gfr
