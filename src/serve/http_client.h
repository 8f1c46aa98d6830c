// HttpClient: a blocking keep-alive client of one server. Thread safety: none.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "serve/http_message.h"

namespace gfr {

class HttpClient {
 public:
  // `timeout_ms`: of a whole call, from connecting to the end of the answer.
  HttpClient(std::string host, int port, int timeout_ms = 60'000);
  ~HttpClient();
  // kUnavailable: no answer in time, or none that is HTTP. A call on a kept connection that the server has closed
  // meanwhile is sent once more.
  Result<HttpResponse> Send(const std::string& method, const std::string& path, const std::string& body = "",
                            const std::string& content_type = "application/json",
                            const std::string& authorization = "");

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gfr
