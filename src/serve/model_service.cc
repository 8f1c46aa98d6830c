#include "serve/model_service.h"

#include "runtime/telemetry.h"
#include "serve/access_log.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"
#include "serve/http_server_metrics.h"
#include "serve/openapi.h"
#include "serve/request_durations.h"

namespace gfr {

struct ModelService::Metrics {
  Telemetry telemetry;
  HttpServerMetrics http{telemetry};
  Family<Histogram>& requests = AddRequestDurations(telemetry);
};

std::vector<Route> ModelService::RoutesOf(ModelHost& host, const ModelProtocolOptions& options) {
  using enum AccessScope;
  std::vector<Route> routes = ModelProtocols(host, options);
  for (Route& route : routes) {
    if (!route.probe) route.scope = kFeed;
  }
  routes.push_back(
      {"GET", "/livez", kOpen, Lane::kInline, Sync([](const auto&) { return GetLivez(); }), {}, /*probe=*/true});
  routes.push_back({"GET",
                    "/readyz",
                    kOpen,
                    Lane::kInline,
                    Sync([&host](const auto&) {
                      return host.is_ready() ? JsonResponse(200, {{"status", "ok"}})
                                             : ProblemResponse(503, "Service Unavailable", "no model is loaded yet");
                    }),
                    {},
                    /*probe=*/true});
  routes.push_back({"GET",
                    "/metrics",
                    kOpen,
                    Lane::kInline,
                    Sync([this](const auto&) {
                      return HttpResponse{.content_type = "text/plain; version=0.0.4",
                                          .body = metrics_->telemetry.Text()};
                    }),
                    {},
                    options.any_host});
  return WithOpenApi(std::move(routes));
}

ModelService::ModelService(ModelHost& host, const Access& access, const ModelProtocolOptions& options, bool access_log)
    : metrics_(std::make_unique<Metrics>()),
      router_(RoutesOf(host, options), lanes_, access, [this, access_log](const RouterAnswer& answer) {
        metrics_->requests.With({answer.endpoint, std::to_string(answer.status)}).Observe(answer.seconds);
        if (access_log) WriteAccessLog(answer);
      }) {
  DeclareRoutes(router_.routes(), &metrics_->requests);
}

ModelService::~ModelService() { lanes_.Drain(); }

HttpServerMetrics& ModelService::http_metrics() { return metrics_->http; }

}  // namespace gfr
