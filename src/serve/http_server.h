// HttpServer: HTTP/1.1 with keep-alive, a thread a connection (at most max_connections), bounded headers and bodies.
//
// A body over the limit is answered 413 from its Content-Length, before it is read; bad HTTP 400; too many connections
// 503 with Retry-After. The handler is called from many threads at once and may block. Stop() lets requests in flight
// end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gfr {

struct HttpRequest {
  std::string method, path, query, content_type, authorization, body;
  bool from_loopback = false;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// RFC 9457. `retry_after_s`: the call is worth another try then; 0 does not say so.
HttpResponse ProblemResponse(int status, const std::string& title, const std::string& detail, int retry_after_s = 0);

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  int port = 0;  // 0: a free one.
  std::size_t body_limit = 16u << 20;
  int max_connections = 512;
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                   Handler handler);  // Listening when it returns.
  ~HttpServer();
  int port() const;
  void Stop();

 private:
  struct State;
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// A blocking keep-alive client. Thread safety: none.
class HttpClient {
 public:
  // `timeout_s`: of connecting, sending and each piece of the answer.
  HttpClient(std::string host, int port, int timeout_s = 60);
  ~HttpClient();
  Result<HttpResponse> Send(const std::string& method, const std::string& path, const std::string& body = "",
                            const std::string& content_type = "application/json",
                            const std::string& authorization = "");

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gfr
