// ReaderService: a server without a log of its own. It ranks feeds from the rows that the owner (Service) publishes to
// a Redis, at the stamp and the epoch published last, or without a Redis from those that it folds from the owner's log
// itself (log_follower.h); it sends everything that belongs in the log on to the owner.
//
//   feeds                   are ranked here; the slate goes to the owner's log before the answer. The owner away: the
//                           feed is answered and says `degraded: ["log"]`; nobody learns from it. Without candidates
//                           they come from the lists that the owner publishes, which a job gets beside serving. While
//                           the owner's lists cannot be had or used, such feeds are the owner's; the owner away, they
//                           come from those that came last, or have no items, and say `degraded: ["channels"]` too.
//   events, explain         go on to the owner. The owner away: 503 with Retry-After; nothing was taken.
// A replica (ServeConfig::is_replica) passes every other call on too, as it came.
// With the Redis away feeds have no values and say `degraded: ["store"]`. Any number of readers may run beside one
// owner, on any machine that has the project's gfr.toml and its registry (without a Redis, and its log); they write
// nothing but leases of the model. Thread safety: all calls, from any thread.
#pragma once

#include <memory>
#include <string>

#include "project/project.h"
#include "runtime/http_client.h"
#include "serve/http_message.h"
#include "serve/router.h"
#include "serve/serve_config.h"

namespace gfr {

class HttpServerMetrics;

class ReaderService final : public HttpHandler {
 public:
  // `owner`: its HOST:PORT. `clock`: wall or fixed:T (RFC 3339). kInvalidArgument: another clock, an owner that is no
  // address. kUnavailable: without a Redis, as LogFollower::Open. `caller` calls the owner; null: libcurl.
  static Result<std::unique_ptr<ReaderService>> Open(const Project& project, const ServeConfig& config,
                                                     const std::string& owner, const std::string& clock,
                                                     const Access& access,
                                                     std::unique_ptr<HttpCaller> caller = nullptr);
  ~ReaderService() override;
  HttpServerMetrics& http_metrics();
  // Reads gfr.toml anew: feeds, variants and experiments; refused as an owner's (reload.h), and when features change.
  // Logs what came of it.
  Status Reload();
  // The owner took a gfr.toml that this process can only take by a new start: other features. Of replicas.
  bool outdated() const;
  std::optional<HttpResponse> Admit(const HttpRequest& head) override { return router_.Admit(head); }
  void Handle(HttpRequest request, HttpReply reply) override { router_.Handle(std::move(request), std::move(reply)); }

 private:
  struct State;
  static std::vector<Route> RoutesOf(State& s);
  static std::vector<Route> WithPassedOn(State& s, std::vector<Route> routes);
  explicit ReaderService(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  const Router router_;
};

}  // namespace gfr
