// GET /v1/explain/ID, and with ?all=true of what the record does not keep too, by a job that replays the log.
#include "serve/explain.h"

#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {

HttpResponse GetExplain(ServiceState& s, const HttpRequest& request) {
  const std::string& request_id = request.parameter;
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
  const bool all = request.query == "all=true" || request.query.starts_with("all=true&");
  if (!all || IsComplete(record)) return {.status = 200, .body = ExplainJson(record, s.store->features()) + "\n"};
  const auto job = s.jobs.Start("explain " + request_id, [&s, record](const std::stop_token& stop) {
    return ExplainAll(s.project, record, stop);
  });
  if (!job.ok()) return ProblemResponse(503, "Service Unavailable", job.error().message, /*retry_after_s=*/10);
  return JobStarted(job.value());
}

}  // namespace gfr
