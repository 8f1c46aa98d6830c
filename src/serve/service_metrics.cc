#include "serve/service_metrics.h"

namespace gfr {
namespace {

const std::vector<std::string> kEndpoints{
    "/v1/events",          "/v1/feed", "/v1/served", "/v1/explain/", "/v1/jobs/", "/v1/models", "/v1/models/promote",
    "/v1/models/rollback", "/livez",   "/readyz",    "/metrics"};
const std::vector<std::string> kStatuses{"200", "202", "400", "401", "403", "404",
                                         "405", "409", "413", "415", "429", "503"};
const std::vector<std::string> kStages{"candidates", "features", "scores", "values", "policy", "record"};

}  // namespace

ServiceMetrics::ServiceMetrics()
    : requests_(telemetry_.AddHistogram("gfr_request_duration_seconds", "Time from a whole request to its answer.",
                                        kDurationsS, {{"endpoint", kEndpoints}, {"status", kStatuses}})),
      stages_(telemetry_.AddHistogram("gfr_rank_stage_duration_seconds", "Time of one stage of a feed's ranking.",
                                      kDurationsS, {{"stage", kStages}})) {}

void ServiceMetrics::Answered(std::string_view endpoint, int status, double seconds) {
  requests_.With({endpoint, std::to_string(status)}).Observe(seconds);
}

void ServiceMetrics::Ranked(std::string_view stage, double seconds) { stages_.With({stage}).Observe(seconds); }

}  // namespace gfr
