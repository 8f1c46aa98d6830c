// Service: what a server of one project does: takes events into the log and the store, ranks feeds, explains them.
//
// An event is answered 202 once it is on disk and folded into its user's state. Every feed is logged as a feed.request
// with what it was made of. Another champion is picked up within two seconds. Thread safety: all calls, from any
// thread.
#pragma once

#include <memory>
#include <string>

#include "project/project.h"
#include "serve/http_message.h"
#include "serve/router.h"
#include "serve/serve_config.h"

namespace gfr {

struct ServiceState;
class HttpServerMetrics;
class DriftWatch;
class TriggerWatch;

class Service final : public HttpHandler {
 public:
  // `clock`: wall, log (goes on from the log's last arrival at wall speed) or fixed:T (RFC 3339).
  // `access` says who may call what; `log_files` are those that the log is written with;
  // null: the project's, where all the rest is. All must outlive it.
  static Result<std::unique_ptr<Service>> Open(const Project& project, const ServeConfig& config,
                                               const std::string& clock, const Access& access,
                                               FileSystem* log_files = nullptr);
  ~Service() override;  // Ends what was begun. REQUIRES: no call comes any more.
  // Reads gfr.toml anew (reload.h), and logs what came of it. Waits for the registry and for files.
  Status Reload();
  const std::vector<Route>& routes() const { return router_.routes(); }
  HttpServerMetrics& http_metrics();  // For the server that asks it.
  std::optional<HttpResponse> Admit(const HttpRequest& head) override { return router_.Admit(head); }
  void Handle(HttpRequest request, HttpReply reply) override { router_.Handle(std::move(request), std::move(reply)); }

 private:
  Service(std::unique_ptr<ServiceState> state, const Access& access);
  std::unique_ptr<ServiceState> state_;
  const std::shared_ptr<DriftWatch> drift_;
  const std::shared_ptr<TriggerWatch> triggers_;
  const Router router_;
};

}  // namespace gfr
