// Service: what a server of one project does: takes events into the log and the store, ranks feeds, explains them.
//
// An event is answered 202 once it is on disk and folded into its user's state. Every feed is logged as a feed.request
// with what it was made of. Another champion is picked up within two seconds. Thread safety: Handle from any thread.
#pragma once

#include <memory>
#include <string>

#include "project/project.h"
#include "serve/http_server.h"
#include "serve/router.h"
#include "serve/serve_config.h"

namespace gfr {

struct ServiceState;

class Service {
 public:
  // `clock`: wall, log (goes on from the log's last arrival at wall speed) or fixed:T (RFC 3339).
  // The project and the configuration must outlive it.
  static Result<std::unique_ptr<Service>> Open(const Project& project, const ServeConfig& config,
                                               const std::string& clock);
  ~Service();
  HttpResponse Handle(const HttpRequest& request);

 private:
  explicit Service(std::unique_ptr<ServiceState> state);
  std::unique_ptr<ServiceState> state_;
  const Router router_;
};

}  // namespace gfr
