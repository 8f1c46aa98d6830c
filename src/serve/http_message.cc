#include "serve/http_message.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/sync.h"

namespace gfr {

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [n, value] : headers) {
    if (n == name) return value;
  }
  return {};
}

HttpResponse ProblemResponse(int status, const std::string& title, const std::string& detail, int retry_after_s) {
  const nlohmann::ordered_json json{{"type", "about:blank"}, {"title", title}, {"status", status}, {"detail", detail}};
  HttpResponse response{.status = status, .content_type = "application/problem+json", .body = DumpJson(json)};
  if (retry_after_s > 0) response.headers = {{"Retry-After", std::to_string(retry_after_s)}};
  return response;
}

HttpResponse Call(HttpHandler& handler, HttpRequest request) {
  if (auto refused = handler.Admit(request)) return *std::move(refused);
  struct Waiting {  // Shared: the reply may still hold it when this function has returned.
    Mutex mutex;
    CondVar changed;
    std::optional<HttpResponse> response;
  };
  const auto waiting = std::make_shared<Waiting>();
  handler.Handle(std::move(request), [waiting](HttpResponse response) {
    const MutexLock lock(waiting->mutex);
    waiting->response = std::move(response);
    waiting->changed.NotifyOne();
  });
  MutexLock lock(waiting->mutex);
  waiting->changed.Wait(lock, [&] { return waiting->response.has_value(); });
  return *std::move(waiting->response);
}

}  // namespace gfr
