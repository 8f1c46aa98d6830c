// GET /v1/experiments.
#include "serve/call/calls.h"
#include "serve/experiments_json.h"
#include "serve/feed_json.h"

namespace gfr {

HttpResponse GetExperiments(ServiceState& s) { return JsonResponse(200, ExperimentsJson(*s.serving()->assigner)); }

}  // namespace gfr
