#include "experiment/holdout_results.h"

#include <nlohmann/json.hpp>

#include "base/json_number.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

ClusterConfig PeriodsOfHoldout(const Holdout& holdout) {
  return {.by = "", .period_ms = holdout.period_ms, .series_ms = holdout.rotate_ms};
}

HoldoutResult AnalyzeHoldout(const Holdout& holdout, const std::vector<MetricConfig>& metrics,
                             const ExperimentUnits& units) {
  HoldoutResult result;
  const ClusterConfig periods = PeriodsOfHoldout(holdout);
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    if (metrics[m].measure == MetricConfig::Measure::kLatency || metrics[m].is_ratio() || metrics[m].per_day) continue;
    PeriodUplift uplift;
    for (const ExposedUnit& unit : units.units) {
      const std::string& arm = units.arms[unit.arm];
      if (!unit.metrics[m].mature || (arm != kHeldOutName && arm != kNotHeldOutName)) continue;
      // Not cut: the metric's cap is of its own window, and a period is longer.
      uplift.Add(unit.person, periods.BeginMs(unit.exposure_ms), arm == kHeldOutName, unit.metrics[m].value);
    }
    HoldoutResult::Metric of{.metric = m, .periods = uplift.periods(), .cumulative = uplift.Cumulative()};
    of.interval = TestAtFixedHorizon(of.cumulative, HoldoutResult::kAlpha).interval;
    result.metrics.push_back(std::move(of));
  }
  return result;
}

Json HoldoutJson(const HoldoutResult& result, const Holdout& holdout, const std::vector<MetricConfig>& metrics) {
  Json json{
      {"share", holdout.share},
      {"period_days", static_cast<double>(holdout.period_ms) / kDayMs},
      {"metrics", Json::array()},
      {"how",
       "a user counts once a period, from their first request in it to its end; uplift: mean outside the holdout "
       "less mean in it; cumulative: the sum over periods, its variance clustered by user; interval: 95 %, of one "
       "look"}};
  for (const HoldoutResult::Metric& of : result.metrics) {
    Json one{
        {"metric", metrics[of.metric].name},  {"cumulative", JsonNumber(of.cumulative.value)},
        {"se", JsonNumber(of.cumulative.se)}, {"interval", {JsonNumber(of.interval.low), JsonNumber(of.interval.high)}},
        {"users", of.cumulative.n},           {"periods", Json::array()}};
    for (const PeriodUplift::Period& p : of.periods)
      one["periods"].push_back(
          {{"from", FormatTime(p.period)}, {"in", p.held_out}, {"out", p.others}, {"uplift", JsonNumber(p.uplift)}});
    json["metrics"].push_back(std::move(one));
  }
  return json;
}

}  // namespace gfr
