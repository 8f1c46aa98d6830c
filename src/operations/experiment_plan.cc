#include "operations/experiment_plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "dataset/left_out.h"
#include "stats/confidence_sequence.h"
#include "stats/power.h"

namespace gfr {
namespace {

constexpr double kLeastEnrolmentDays = 7;  // As results.cc has it.
constexpr std::int64_t kHistoryMs = 14 * kDayMs;
constexpr const char* kHistory = "history";

Result<MetricConfig> MetricNamed(const std::vector<MetricConfig>& metrics, const std::string& name) {
  std::string valid;
  for (const MetricConfig& m : metrics) {
    if (m.name == name && m.measure != MetricConfig::Measure::kLatency) return m;
    if (m.measure != MetricConfig::Measure::kLatency) valid += (valid.empty() ? "" : ", ") + m.name;
  }
  return Error{ErrorCode::kInvalidArgument,
               "no metric that can be planned is named '" + name + "'; valid are " + valid};
}

Result<std::int64_t> LastArrival(EventSource& log) {
  std::int64_t last = INT64_MIN;
  GFR_TRY(ForEachRecord(log, TypeBit(EventType::kFeedRequest) | TypeBit(EventType::kExperimentExposure),
                        [&](const LogRecord& r) {
                          last = std::max(last, r.arrival_ms);
                          return Status();
                        }));
  if (last == INT64_MIN) return Error{ErrorCode::kNotFound, "the log has no requests and no exposures to plan from"};
  return last;
}

// The units of the history, as if they had been exposed to one arm.
Result<ExperimentUnits> HistoryUnits(EventSource& log, const MetricConfig& metric, const ExperimentSettings& settings) {
  GFR_ASSIGN(const std::int64_t last_ms, LastArrival(log));
  const std::int64_t until_ms = last_ms - metric.MatureMs(0);
  MetricFold fold({metric}, {{kHistory, {}}}, settings.alias);
  GFR_TRY(ForEachRecord(log, fold.types(), [&](const LogRecord& r) {
    LogRecord record = r;
    record.event.served.experiments.clear();
    const std::int64_t at = record.event.time_ms;
    const bool counts = at > until_ms - kHistoryMs && at <= until_ms;
    if (record.event.type == EventType::kExperimentExposure) {
      if (!counts) return Status();
      record.event.variant = "all";
      record.event.context = {{.name = "experiment", .text = kHistory}};
    } else if (record.event.type == EventType::kFeedRequest && counts) {
      record.event.served.experiments = {{kHistory, "all", false}};
    }
    fold.Add(record);
    return Status();
  }));
  GFR_ASSIGN(const auto left_out, LeftOut::Find(log, fold.people(), settings.leave_out));
  std::vector<ExperimentUnits> units =
      fold.Finish({.left_out = [&](Key person) { return left_out && left_out->Why(person) != nullptr; },
                   .now_ms = last_ms,
                   .cuts = {}});
  if (units.empty()) {
    return Error{ErrorCode::kNotFound, "the log has no request older than the metric's window and lateness (" +
                                           std::to_string(metric.MatureMs(0) / kHourMs) + " h)"};
  }
  return std::move(units.front());
}

}  // namespace

Result<ExperimentPlan> PlanExperiment(EventSource& log, const ExperimentSettings& settings,
                                      const PlanRequest& request) {
  if (request.relative == 0 || !std::isfinite(request.relative))
    return Error{ErrorCode::kInvalidArgument, "the effect must not be 0: no number of units shows that"};
  GFR_ASSIGN(const MetricConfig metric, MetricNamed(settings.metrics, request.metric));
  GFR_ASSIGN(const ExperimentUnits units, HistoryUnits(log, metric, settings));
  PairSums sums;
  double nonzero = 0;
  std::int64_t first = INT64_MAX, last = INT64_MIN;
  for (const ExposedUnit& unit : units.units) {
    const double value = std::min(unit.metrics[0].value, units.caps[0].value);
    sums.Add(value,
             metric.is_ratio() ? unit.metrics[0].denominator : std::min(unit.metrics[0].before, units.caps[0].value));
    nonzero += value != 0;
    first = std::min(first, unit.exposure_ms), last = std::max(last, unit.exposure_ms);
  }
  const bool covariate = metric.before_ms > 0 && !metric.is_ratio();
  const ArmEstimate one = metric.is_ratio() ? EstimateRatio(sums)
                          : covariate       ? EstimateCuped(sums, FitCuped(std::span(&sums, 1)))
                                            : EstimateMean(sums.y);
  if (!(one.variance > 0) || !(one.value != 0))
    return Error{ErrorCode::kNotFound, "metric '" + metric.name + "' does not vary in the log's " +
                                           std::to_string(units.units.size()) + " mature units"};
  if (const double then = one.value * (1 + request.relative);
      metric.measure == MetricConfig::Measure::kAny && (then < 0 || then > 1))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("an effect of {:g} would make '{}' {:.4g}, from {:.4g}; it is a share, and 0.05 is five "
                             "per cent more",
                             request.relative, metric.name, then, one.value)};
  ExperimentPlan plan;
  plan.units = sums.y.n;
  plan.units_a_day = sums.y.n / std::max(1.0, static_cast<double>(last - first) / kDayMs);
  plan.baseline = one.value, plan.deviation = std::sqrt(one.variance);
  const PlannedArms arms{request.relative * one.value, one.variance, one.variance, request.treatment, request.alpha};
  plan.fixed_units = SampleSizeAtFixedHorizon(arms, request.power);
  // No decision before each arm has so many units with a value other than zero, and none ships in the first days.
  const double least_units =
      ConfidenceSequence::kNonzeroUnits * sums.y.n / nonzero / std::min(request.treatment, 1 - request.treatment);
  plan.watched_units = std::max(SampleSizeWatched(arms, request.power), least_units);
  plan.maturity_days = static_cast<double>(metric.MatureMs(0)) / kDayMs;
  plan.fixed_days = plan.fixed_units / (plan.units_a_day * request.share) + plan.maturity_days;
  plan.watched_days =
      std::max(plan.watched_units / (plan.units_a_day * request.share), kLeastEnrolmentDays) + plan.maturity_days;
  return plan;
}

nlohmann::ordered_json PlanJson(const ExperimentPlan& plan, const PlanRequest& request) {
  return {{"metric", request.metric},
          {"relative", request.relative},
          {"power", request.power},
          {"alpha", request.alpha},
          {"units_of_history", plan.units},
          {"units_a_day", plan.units_a_day},
          {"baseline", plan.baseline},
          {"deviation", plan.deviation},
          {"fixed", {{"units", std::ceil(plan.fixed_units)}, {"days", plan.fixed_days}}},
          {"watched", {{"units", std::ceil(plan.watched_units)}, {"days", plan.watched_days}}},
          {"maturity_days", plan.maturity_days},
          {"how",
           "power by the normal approximation with the history's variance (after CUPED); watched: the half width of "
           "the confidence sequence tuned to its own size, and at least 150 units of each arm with a value other than "
           "zero; days: units a day newly seen (watched: at least 7 days of them), then window, returns and lateness"}};
}

}  // namespace gfr
