// GET /v1/experiments: what is configured, and what the last look at the log says of it; POST /v1/experiments/analyze
// looks now.
#include <nlohmann/json.hpp>

#include "serve/call/calls.h"
#include "serve/experiment_watch.h"
#include "serve/experiments_json.h"
#include "serve/feed_json.h"
#include "serve/service_state.h"

namespace gfr {

HttpResponse GetExperiments(ServiceState& s) { return JsonResponse(200, ExperimentsJson(*s.serving()->assigner)); }

HttpResponse GetExperiments(ServiceState& s, const ExperimentWatch& watch) {
  const std::shared_ptr<const nlohmann::ordered_json> latest = watch.latest();
  if (latest == nullptr) return GetExperiments(s);
  nlohmann::ordered_json json = ExperimentsJson(*s.serving()->assigner);
  json["results"] = latest->at("experiments");
  for (const char* part : {"holdout", "portfolio"}) {
    // `holdout` is what is configured, too.
    if (latest->contains(part)) json[std::string(part) + "_results"] = latest->at(part);
  }
  return JsonResponse(200, json);
}

HttpResponse PostAnalyzeExperiments(ServiceState& s, ExperimentWatch& watch) {
  const auto report = watch.Look(s);
  if (!report.ok()) return ProblemResponse(503, "Service Unavailable", report.error().ToString(), /*retry_after_s=*/10);
  return JsonResponse(200, report.value());
}

}  // namespace gfr
