// GET /v1/explain/ID, and with ?all=true of what the record does not keep too, by a job that replays the log.
#include "serve/explain.h"

#include "serve/call/calls.h"
#include "serve/url_query.h"

namespace gfr {

HttpResponse GetExplain(ServiceState& s, const HttpRequest& request) {
  const std::string& request_id = request.parameter;
  const auto found = s.FindRequest(request_id);
  if (!found.ok() && found.error().code == ErrorCode::kNotFound) {
    // A start from the base does not know what ids the deleted requests had.
    const auto begin = s.log->source().Begin();
    if (begin.ok() && begin.value()[0] > 0)
      return ProblemResponse(410, "Gone", found.error().message + "; older requests were deleted with [log] keep");
    return ProblemResponse(404, "Not Found", found.error().message);
  }
  if (!found.ok()) return ProblemResponse(503, "Service Unavailable", found.error().message);
  const LogRecord& record = found.value();
  const bool all = QueryValue(request, "all") == "true";
  const std::shared_ptr<const Serving> serving = s.serving();
  if (!all || IsComplete(record)) {
    const std::shared_ptr<const BoundModel> model = serving->models->models()->Find(VersionOf(record));
    return {.status = 200, .body = ExplainJson(record, serving->features(), model.get()) + "\n"};
  }
  const auto job = s.jobs.Start("explain " + request_id, [serving, record](const std::stop_token& stop) {
    return ExplainAll(*serving->project, record, stop);
  });
  if (!job.ok()) return ProblemResponse(503, "Service Unavailable", job.error().message, /*retry_after_s=*/10);
  return JobStarted(job.value());
}

}  // namespace gfr
