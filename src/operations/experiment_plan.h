// Planning an experiment from a metric's own history: every person of the log counts as exposed with their first
// request of the last `history` that is mature, and the metric is what they did then.
//
// Units a day are those newly seen a day over that history; returning people come once, so later days bring fewer and
// the duration is a lower bound. Sizes: stats/power.h; the metric's covariate is used. Thread safety: a pure function.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operations/experiment_results.h"

namespace gfr {

struct PlanRequest {
  std::string metric;
  double relative = 0, power = 0.8, alpha = 0.05;
  double share = 1, treatment = 0.5;  // Of the units that take part, and the treatment's part of those.
};

struct ExperimentPlan {
  double units = 0, units_a_day = 0;          // Of the history.
  double baseline = 0, deviation = 0;         // Of a unit; the deviation with CUPED.
  double fixed_units = 0, watched_units = 0;  // Of both arms.
  double fixed_days = 0, watched_days = 0, maturity_days = 0;
};

// kInvalidArgument: the metric is not declared, is a quantile, or the effect is 0; kNotFound: the log has no mature
// units, or the metric does not vary in it.
Result<ExperimentPlan> PlanExperiment(EventSource& log, const ExperimentSettings& settings, const PlanRequest& request);
nlohmann::ordered_json PlanJson(const ExperimentPlan& plan, const PlanRequest& request);

}  // namespace gfr
