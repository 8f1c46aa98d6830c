// Router: which call a request is for. One table of routes says each call's method, path, scope and handler.
//
// Thread safety: Handle from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/access.h"
#include "serve/http_message.h"
#include "serve/lanes.h"
#include "serve/operation.h"

namespace gfr {

struct BadRequest {  // Thrown by a handler; the call is answered 400.
  std::string why;
};

struct Route {
  std::string method;  // GET, POST, or "*": any.
  std::string path;    // One that ends in '/' stands for everything below it: the rest is the request's parameter.
  AccessScope scope;
  Lane lane;
  std::function<void(HttpRequest, HttpReply)> call;  // Runs in `lane`; may throw BadRequest before it replies.
  std::vector<std::string> content_types = {};       // That it takes; empty: any, or none.
  bool probe = false;                                // Answered whatever the Host: a probe calls an address of its own.
  // True: this request runs on the I/O thread instead of `lane`, as it takes less time than waking another thread. Such
  // a call must not wait.
  std::function<bool(const HttpRequest&)> is_short = {};
  std::shared_ptr<const Operation> operation = {};  // What /openapi.json says of it.
  // The token that the call shows in its protocol's own way; empty: as a bearer token.
  std::function<std::string(const HttpRequest&)> token = {};
  bool large_bodies = false;  // Whatever its scope: bodies as large as the server takes.
};

// What became of one request.
struct RouterAnswer {
  std::string_view method, endpoint;  // The route's path; empty: there is none.
  int status = 0;
  double seconds = 0;     // From the whole request; a refusal by its head took none.
  std::size_t bytes = 0;  // Of the response's body.
  std::string_view traceparent;
};

// A call that replies when it returns.
template <typename Function>
std::function<void(HttpRequest, HttpReply)> Sync(Function function) {
  return [function](HttpRequest request, const HttpReply& reply) { reply(function(request)); };
}

class Router {
 public:
  // `lanes`, `access` and what `answered` uses must outlive it. `answered` is told each answer.
  using Answered = std::function<void(const RouterAnswer&)>;
  Router(std::vector<Route> routes, Lanes& lanes, const Access& access, Answered answered = {});
  // 404: no route has the path; 405, with Allow: none has the path and the method; 401, 403, 421, 429: access.h; 415: a
  // content type; 204: the preflight of a page that may call.
  std::optional<HttpResponse> Admit(const HttpRequest& head) const;
  // REQUIRES: Admit let it pass. 400: BadRequest; 503: the lane is full, or the call threw.
  void Handle(HttpRequest request, HttpReply reply) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  // Null: none. `known`: there is one of another method.
  const Route* Find(const HttpRequest& head, bool* known) const;
  std::optional<HttpResponse> Preflight(const HttpRequest& head) const;
  HttpResponse NotAllowed(const HttpRequest& head) const;
  std::optional<HttpResponse> Refusal(const HttpRequest& head, const Route* route, bool known) const;
  std::vector<Route> routes_;
  Lanes& lanes_;
  const Access& access_;
  const Answered answered_;
};

}  // namespace gfr
