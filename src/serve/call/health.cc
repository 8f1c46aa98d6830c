// GET /livez and /readyz.
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {

HttpResponse GetLivez() { return JsonResponse(200, {{"status", "ok"}}); }

HttpResponse GetReadyz(const ServiceState& s) {
  return !s.log->healthy() ? ProblemResponse(503, "Service Unavailable", "the log cannot be written")
                           : ReadyResponse(*s.serving()->models);
}

HttpResponse ReadyResponse(const ModelPool& models) {
  const auto served = models.models();
  if (served->degraded.empty()) return JsonResponse(200, {{"status", "ok"}});
  return JsonResponse(200, {{"status", "degraded"}, {"degraded", served->degraded}});
}

}  // namespace gfr
