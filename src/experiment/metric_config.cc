#include "experiment/metric_config.h"

#include <fmt/format.h>

#include <algorithm>

namespace gfr {
namespace {

using Measure = MetricConfig::Measure;
using Role = MetricConfig::Role;

// What a metric is without further keys, by `kind`.
struct MetricKind {
  const char* name;
  Measure measure;
  std::vector<EventType> events;
  bool per_day;
  double winsorise;
};
const std::vector<MetricKind>& MetricKinds() {
  static const std::vector<MetricKind> kinds{
      {"conversion", Measure::kAny, {EventType::kPurchase}, false, 0},
      {"purchases", Measure::kCount, {EventType::kPurchase}, false, 0},
      {"revenue", Measure::kRevenue, {EventType::kPurchase}, false, 0.999},
      {"clicks", Measure::kCount, {EventType::kFeedClick}, false, 0},
      {"app_opens_per_day", Measure::kCount, {EventType::kAppOpen}, true, 0},
      {"days_active", Measure::kDays, {EventType::kAppOpen}, false, 0},
      {"retention", Measure::kAny, {EventType::kAppOpen}, false, 0},
      {"degraded", Measure::kDegraded, {EventType::kFeedRequest}, false, 0},
      {"latency", Measure::kLatency, {EventType::kFeedRequest}, false, 0},
      {"any", Measure::kAny, {}, false, 0},
      {"count", Measure::kCount, {}, false, 0},
  };
  return kinds;
}

std::vector<EventType> ReadEventTypes(Config& table, const char* key, std::vector<EventType> otherwise) {
  if (!table.Has(key)) return otherwise;
  std::vector<EventType> types;
  for (const std::string& name : table.Strings(key, {})) {
    const auto type = ParseEventType(name);
    if (type.ok())
      types.push_back(type.value());
    else
      table.Fail(key, type.error().message);
  }
  if (types.empty()) table.Fail(key, "names no event type");
  return types;
}

Role ReadRole(Config& table) {
  const std::string role = table.String("role", "decision");
  if (role == "guardrail") return Role::kGuardrail;
  if (role == "exploration") return Role::kExploration;
  if (role != "decision") table.Fail("role", "is '" + role + "'; valid are decision, guardrail and exploration");
  return Role::kDecision;
}

Result<MetricConfig> ReadMetric(Config& table) {
  MetricConfig m;
  m.name = table.String("name", "");
  if (m.name.empty() || m.name == "value") table.Fail("name", "is missing, or the reserved name 'value'");
  const std::string kind = table.String("kind", m.name);
  const auto& kinds = MetricKinds();
  const auto at = std::ranges::find(kinds, kind, [](const MetricKind& k) { return std::string_view(k.name); });
  if (at == kinds.end()) {
    std::string valid;
    for (const MetricKind& k : kinds) valid += (valid.empty() ? "" : ", ") + std::string(k.name);
    table.Fail(table.Has("kind") ? "kind" : "name", "is no kind of metric: '" + kind + "'; valid are " + valid);
    GFR_TRY(table.Finish());
  }
  m.measure = at->measure;
  m.per_day = at->per_day;
  m.role = ReadRole(table);
  const bool guardrail = m.role == Role::kGuardrail;
  m.events =
      at->events.empty() || m.measure == Measure::kCount ? ReadEventTypes(table, "events", at->events) : at->events;
  if (m.events.empty()) table.Fail("events", "is missing: the event types that are counted");
  if (m.measure == Measure::kCount && !m.per_day) m.per = ReadEventTypes(table, "per", {});
  if (m.measure == Measure::kDegraded) m.per = m.events;
  m.window_ms = table.DurationMs("window", guardrail ? kHourMs : m.window_ms);
  m.from_ms = table.DurationMs("from", kind == "retention" ? std::min(kDayMs, m.window_ms / 2) : 0);
  if (m.window_ms <= 0) table.Fail("window", "is not above 0");
  if (m.from_ms < 0 || m.from_ms >= m.window_ms) table.Fail("from", "is not within the window");
  m.lateness_ms = table.DurationMs("lateness", m.lateness_ms);
  if (m.measure == Measure::kRevenue) m.returns_ms = table.DurationMs("returns", 0);
  const bool covariate = m.measure != Measure::kLatency && !m.is_ratio() && kind != "retention";
  if (covariate) m.before_ms = table.DurationMs("before", guardrail ? 0 : 28 * kDayMs);
  if (m.measure == Measure::kRevenue || m.measure == Measure::kCount)
    m.winsorise = table.Number("winsorise", at->winsorise, 0, 1);
  if (m.measure == Measure::kLatency) m.quantile = table.Number("quantile", m.quantile, 0.01, 0.999);
  const bool is_cost = m.measure == Measure::kLatency || m.measure == Measure::kDegraded;
  const std::string better = table.String("better", is_cost ? "lower" : "higher");
  if (better != "lower" && better != "higher") table.Fail("better", "is '" + better + "'; valid are lower and higher");
  m.lower_is_better = better == "lower";
  if (guardrail) m.margin = table.Number("margin", m.margin, 0, 1);
  GFR_TRY(table.Finish());
  return m;
}

std::vector<MetricConfig> DefaultMetrics() {
  std::vector<MetricConfig> metrics(3);
  metrics[0] = {
      .name = "conversion", .measure = Measure::kAny, .events = {EventType::kPurchase}, .before_ms = 28 * kDayMs};
  metrics[1] = {.name = "revenue",
                .measure = Measure::kRevenue,
                .events = {EventType::kPurchase},
                .before_ms = 28 * kDayMs,
                .winsorise = 0.999,
                .role = Role::kExploration};
  metrics[2] = {.name = "clicks",
                .measure = Measure::kCount,
                .events = {EventType::kFeedClick},
                .before_ms = 28 * kDayMs,
                .role = Role::kExploration};
  return metrics;
}

std::string EventTypeNames(const std::vector<EventType>& types) {
  std::string names;
  for (const EventType type : types) names += (names.empty() ? "" : ", ") + std::string(EventTypeName(type));
  return names;
}

std::string DurationText(std::int64_t ms) {
  if (ms % kDayMs == 0) return fmt::format("{} d", ms / kDayMs);
  return ms % kHourMs == 0 ? fmt::format("{} h", ms / kHourMs) : fmt::format("{} s", ms / 1000);
}

}  // namespace

std::string MetricConfig::Explain() const {
  std::string text;
  switch (measure) {
    case Measure::kAny:
      text = "share of units with at least one " + EventTypeNames(events);
      break;
    case Measure::kCount:
      text = EventTypeNames(events) +
             (is_ratio() ? " per " + EventTypeNames(per) + " (delta method over units)" : " a unit");
      break;
    case Measure::kRevenue:
      text = "money of purchases a unit, less their cancellations and returns" +
             (returns_ms > 0 ? " up to " + DurationText(returns_ms) + " after the window"
                             : std::string(" (before later returns)"));
      break;
    case Measure::kDays:
      text = "UTC days with " + EventTypeNames(events) + " a unit";
      break;
    case Measure::kDegraded:
      text = "share of feeds without a model or without the user's rows, by the delta method over units";
      break;
    case Measure::kLatency:
      text = fmt::format("the {:g} quantile of took_ms over requests, clustered by unit", quantile);
      break;
  }
  if (per_day) text += " and day";
  text += ", event time in [exposure" + (from_ms > 0 ? " + " + DurationText(from_ms) : std::string()) +
          ", exposure + " + DurationText(window_ms) + "), arrival up to " + DurationText(lateness_ms) + " later";
  if (before_ms > 0) text += "; CUPED by the same over the " + DurationText(before_ms) + " before exposure";
  return text;
}

Result<std::vector<MetricConfig>> MetricConfig::ReadAll(Config& project) {
  std::vector<MetricConfig> metrics;
  for (Config& table : project.Tables("metric")) {
    GFR_ASSIGN(MetricConfig metric, ReadMetric(table));
    if (std::ranges::find(metrics, metric.name, &MetricConfig::name) != metrics.end())
      return Error{ErrorCode::kInvalidArgument, "two metrics are named '" + metric.name + "'", table.where("name")};
    metrics.push_back(std::move(metric));
  }
  return metrics.empty() ? DefaultMetrics() : metrics;
}

JudgingConfig JudgingConfig::Read(Config& experiment) {
  JudgingConfig judging;
  judging.planned_units = experiment.Number("planned_units", judging.planned_units, 1, 1e12);
  judging.alpha = experiment.Number("alpha", judging.alpha, 1e-6, 0.5);
  return judging;
}

}  // namespace gfr
