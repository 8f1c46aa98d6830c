#include "serve/request_durations.h"

#include <string>

namespace gfr {
namespace {

// What Admit and Handle answer themselves (serve/router.h).
constexpr int kRouterStatuses[] = {204, 400, 401, 403, 404, 405, 415, 421, 429, 503};

}  // namespace

Family<Histogram>& AddRequestDurations(Telemetry& telemetry) {
  return telemetry.AddHistogram("gfr_request_duration_seconds", "Time from a whole request to its answer.", kDurationsS,
                                {{"endpoint", {}}, {"status", {}}});
}

void DeclareRoutes(const std::vector<Route>& routes, Family<Histogram>* durations) {
  const auto declare_status = [&](int status) { durations->Declare("status", std::to_string(status)); };
  for (const int status : kRouterStatuses) declare_status(status);
  for (const Route& route : routes) {
    durations->Declare("endpoint", route.path);
    if (!route.operation) continue;
    for (const auto& [status, replies] : route.operation->replies) declare_status(status);
    for (const int status : route.operation->problems) declare_status(status);
  }
}

}  // namespace gfr
