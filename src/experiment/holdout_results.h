// HoldoutResult: what all that runs is worth: users outside the holdout against those in it, by calendar periods
// (stats/period_uplift.h).
//
// In each period a user counts once, from their first request in it to its end; the uplift is a user's mean outside
// less that inside, and the cumulative one is the sum over periods, with variance clustered by user. A period counts
// when its end and the metric's lateness have passed. Periods are counted from the begin of the holdout's series
// (`rotate`), so a new series begins a period. The interval is of one look. Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "experiment/metric_fold.h"
#include "stats/difference.h"
#include "stats/period_uplift.h"

namespace gfr {

// How the fold measures a holdout: everyone is one cluster, of a period each.
ClusterConfig PeriodsOfHoldout(const Holdout& holdout);

struct HoldoutResult {
  static constexpr double kAlpha = 0.05;
  struct Metric {
    std::size_t metric = 0;  // Into the metrics.
    std::vector<PeriodUplift::Period> periods;
    Difference cumulative;
    Interval interval;
  };
  std::vector<Metric> metrics;
};

// Ratios and quantiles have no sum over periods, and are left out.
HoldoutResult AnalyzeHoldout(const Holdout& holdout, const std::vector<MetricConfig>& metrics,
                             const ExperimentUnits& units);
nlohmann::ordered_json HoldoutJson(const HoldoutResult& result, const Holdout& holdout,
                                   const std::vector<MetricConfig>& metrics);

}  // namespace gfr
