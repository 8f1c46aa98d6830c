// GET /v1/explain/ID.
#include "serve/explain.h"

#include "serve/call/calls.h"

namespace gfr {

HttpResponse GetExplain(ServiceState& s, const std::string& request_id) {
  std::uint64_t offset = 0;
  {
    const std::lock_guard lock(s.mutex);
    const std::uint64_t* at = s.requests.Find(KeyOf(request_id));
    if (at == nullptr)
      return ProblemResponse(404, "Not Found", "no request '" + request_id.substr(0, 200) + "' is in the log");
    offset = *at;
  }
  LogRecord record;
  const auto reader = s.log->source().Open({offset});
  if (!reader.ok()) return ProblemResponse(503, "Service Unavailable", reader.error().message);
  const auto read = reader.value()->More(&record);
  if (!read.ok() || !read.value()) return ProblemResponse(503, "Service Unavailable", "the log cannot be read");
  return {.status = 200, .body = ExplainJson(record, s.store->features()) + "\n"};
}

}  // namespace gfr
