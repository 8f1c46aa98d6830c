// GET /livez and /readyz.
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {

HttpResponse GetLivez() { return JsonResponse(200, {{"status", "ok"}}); }

HttpResponse GetReadyz(const ServiceState& s) {
  if (!s.log->healthy()) return ProblemResponse(503, "Service Unavailable", "the log cannot be written", 1);
  if (s.disk_full) return ProblemResponse(503, "Service Unavailable", kDiskIsFull, 1);
  return ReadyResponse(*s.serving()->models);
}

HttpResponse ReadyResponse(const ModelPool& models) {
  const auto served = models.models();
  if (served->degraded.empty()) return JsonResponse(200, {{"status", "ok"}});
  return JsonResponse(200, {{"status", "degraded"}, {"degraded", served->degraded}});
}

}  // namespace gfr
