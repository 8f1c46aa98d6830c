// How long requests take: gfr_request_duration_seconds by endpoint and status, of every server.
//
// The labels' values come from the routes, so that a route that is added has a series of its own, and no client can
// make one. Thread safety: as Telemetry.
#pragma once

#include <vector>

#include "runtime/telemetry.h"
#include "serve/router.h"

namespace gfr {

Family<Histogram>& AddRequestDurations(Telemetry& telemetry);
// The paths of the routes, and the statuses that they or their router may give, have series from now on.
void DeclareRoutes(const std::vector<Route>& routes, Family<Histogram>* durations);

}  // namespace gfr
