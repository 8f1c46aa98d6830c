// ModelService: a server of model files, without a project: predictions by every protocol of
// serve/protocol/model_protocols.h, and /livez, /readyz, /metrics and /openapi.json.
//
// Calls are answered on the I/O thread when they are short, else on as many threads as cores. Thread safety: all calls.
#pragma once

#include <memory>

#include "serve/http_message.h"
#include "serve/lanes.h"
#include "serve/model_host.h"
#include "serve/protocol/model_protocols.h"
#include "serve/router.h"

namespace gfr {

class HttpServerMetrics;

class ModelService final : public HttpHandler {
 public:
  // `host` and `access` must outlive it. `access_log`: as [serve] access_log.
  ModelService(ModelHost& host, const Access& access, const ModelProtocolOptions& options, bool access_log = false);
  ~ModelService() override;  // Ends what was begun. REQUIRES: no call comes any more.
  HttpServerMetrics& http_metrics();
  const std::vector<Route>& routes() const { return router_.routes(); }
  std::optional<HttpResponse> Admit(const HttpRequest& head) override { return router_.Admit(head); }
  void Handle(HttpRequest request, HttpReply reply) override { router_.Handle(std::move(request), std::move(reply)); }

 private:
  struct Metrics;
  std::vector<Route> RoutesOf(ModelHost& host, const ModelProtocolOptions& options);
  const std::unique_ptr<Metrics> metrics_;
  Lanes lanes_;
  const Router router_;
};

}  // namespace gfr
