// POST /v1/reload: 200 once the configuration is in use, 202 while states are filled for it, 409 refused.
#include "serve/reload.h"

#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {

HttpResponse PostReload(ServiceState& s) {
  const auto reloaded = Reload(s);
  if (!reloaded.ok() && reloaded.error().code == ErrorCode::kUnavailable)
    return ProblemResponse(503, "Service Unavailable", reloaded.error().ToString(), /*retry_after_s=*/10);
  if (!reloaded.ok()) return ProblemResponse(409, "Conflict", reloaded.error().ToString());
  const Reloaded& r = reloaded.value();
  if (r.job.empty()) return JsonResponse(200, {{"state", "in use"}});
  HttpResponse started = JobStarted(r.job);
  started.body =
      JsonResponse(202, {{"state", "filling"}, {"filling", r.filling}, {"job", r.job}, {"at", "/v1/jobs/" + r.job}})
          .body;
  return started;
}

}  // namespace gfr
