// HttpRequest and HttpResponse: what the server, its calls and its clients exchange, apart from any socket.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gfr {

struct HttpRequest {
  std::string method, path, query;
  std::vector<std::pair<std::string, std::string>> headers;  // As sent; names in lower case.
  std::string body;
  std::string parameter;  // What the router found in the path, decoded.
  std::string client;     // The address that sent it; behind a trusted proxy, the one that the proxy names.

  // The first one of this name (lower case); empty: there is none.
  std::string_view Header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // When set, it makes the body instead: each call puts the next piece into its argument, and false says that this
  // piece is the last. The server calls it on its I/O thread, as fast as the client reads: it must not wait.
  std::function<bool(std::string*)> stream;
};

// RFC 9457. `retry_after_s`: the call is worth another try then; 0 does not say so.
HttpResponse ProblemResponse(int status, const std::string& title, const std::string& detail, int retry_after_s = 0);

// Answers one request: called once, from any thread. A second call is ignored. Copies are cheap, and share what they
// call.
class HttpReply {
 public:
  template <typename Function>
    requires(!std::is_same_v<std::remove_cvref_t<Function>, HttpReply>)
  HttpReply(Function&& call)  // NOLINT(google-explicit-constructor): a lambda is a reply.
      : call_(std::make_shared<const std::function<void(HttpResponse)>>(std::forward<Function>(call))) {}
  void operator()(HttpResponse response) const { (*call_)(std::move(response)); }

 private:
  std::shared_ptr<const std::function<void(HttpResponse)>> call_;
};

// What a server does with requests.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Before the body is read. A response refuses the request. Runs on the I/O thread: it must not wait.
  virtual std::optional<HttpResponse> Admit(const HttpRequest& head) = 0;
  // Must return at once; `reply` may be called later, from any thread. REQUIRES: Admit has let it pass.
  virtual void Handle(HttpRequest request, HttpReply reply) = 0;
};

// Both steps, and waits for the reply. For tests and tools; never on a thread that the handler needs.
HttpResponse Call(HttpHandler& handler, HttpRequest request);

}  // namespace gfr
