#include "automation/trigger_decision.h"

#include <fmt/format.h>

#include <algorithm>

namespace gfr {
namespace {

using On = TriggerConfig::On;

TriggerDecision DecideSchedule(const TriggerConfig& trigger, std::int64_t now_ms, std::int64_t after_ms) {
  const auto next_ms = trigger.cron->Next(after_ms, trigger.zone);
  if (!next_ms) return {false, "its schedule has no time"};
  if (*next_ms > now_ms) return {false, "next at " + FormatTime(*next_ms), *next_ms};
  const std::int64_t late_ms = now_ms - *next_ms;
  return {true, fmt::format("its schedule was due at {}{}", FormatTime(*next_ms),
                            late_ms > 5 * kMinuteMs ? "; the server was away then, and it is made up for once" : "")};
}

TriggerDecision DecideMetric(const TriggerConfig& trigger, TriggerFacts& facts) {
  const auto value = facts.Metric(trigger.metric, trigger.over_ms);
  if (!value.ok()) return {false, value.error().message};
  const std::string what = trigger.over_ms > 0 ? fmt::format("{} went up by {:g} in {}", trigger.metric, value.value(),
                                                             FormatDuration(trigger.over_ms))
                                               : fmt::format("{} is {:g}", trigger.metric, value.value());
  if (trigger.above && value.value() > *trigger.above)
    return {true, fmt::format("{}, above {:g}", what, *trigger.above)};
  if (trigger.below && value.value() < *trigger.below)
    return {true, fmt::format("{}, below {:g}", what, *trigger.below)};
  return {false, what};
}

// By the alert that costs most of those that match.
TriggerDecision DecideDrift(const TriggerConfig& trigger, TriggerFacts& facts) {
  auto open = facts.OpenAlerts();
  if (!open.ok()) return {false, open.error().message};
  std::erase_if(open.value(), [&](const DriftAlert& a) {
    // A model trained on events that do not come or do not join would be worse.
    const bool of_events = a.kind == AlertKind::kVolume || a.kind == AlertKind::kInstrumentation;
    if (of_events && trigger.kind.empty() && trigger.waits_for_labels) return true;
    return (!trigger.kind.empty() && trigger.kind != AlertKindName(a.kind)) ||
           (!trigger.drifted.empty() && trigger.drifted != a.name &&
            std::ranges::count(a.grouped, trigger.drifted) == 0);
  });
  if (open.value().empty())
    return {false, fmt::format("no alert of {}drift{} is open", trigger.kind.empty() ? "" : trigger.kind + " ",
                               trigger.drifted.empty() ? "" : " of " + trigger.drifted)};
  const DriftAlert& alert = *std::ranges::max_element(open.value(), {}, &DriftAlert::price_a_day);
  if (!trigger.waits_for_labels) return {true, alert.text};
  const auto mature = facts.MatureRowsSince(trigger.objective, alert.since_ms);
  if (!mature.ok()) return {false, mature.error().message};
  const std::string rows =
      fmt::format("{} rows of {} since then have whole labels", mature.value().rows, trigger.objective);
  if (mature.value().rows >= trigger.rows) return {true, fmt::format("{}; {}", alert.text, rows)};
  return {false, fmt::format("{}; it waits: {}, and {} are asked for", alert.text, rows, trigger.rows),
          mature.value().first_ms};
}

TriggerDecision DecideExperiment(const TriggerConfig& trigger, std::int64_t after_ms, TriggerFacts& facts) {
  const auto end = facts.ExperimentEnd(trigger.experiment);
  if (!end.ok()) return {false, end.error().message};
  if (!end.value()) return {false, fmt::format("experiment {} has not ended", trigger.experiment)};
  const TriggerFacts::End& e = *end.value();
  const std::string what =
      fmt::format("experiment {} ended at {}: {}, {}", trigger.experiment, FormatTime(e.at_ms), e.decision, e.reason);
  if (e.at_ms <= after_ms) return {false, what + "; before this trigger's last run or its first look"};
  if (!trigger.decision.empty() && e.decision != trigger.decision) return {false, what + ", not " + trigger.decision};
  return {true, what};
}

TriggerDecision DecideOccasion(const TriggerConfig& trigger, std::int64_t now_ms, std::int64_t after_ms,
                               TriggerFacts& facts) {
  switch (trigger.on) {
    case On::kSchedule:
      return DecideSchedule(trigger, now_ms, after_ms);
    case On::kNewData: {
      const auto rows = facts.NewMatureRows(trigger.objective);
      if (!rows.ok()) return {false, rows.error().message};
      return {rows.value() >= trigger.rows,
              fmt::format("{} mature rows of {} since the newest version; {} are asked for", rows.value(),
                          trigger.objective, trigger.rows)};
    }
    case On::kDrift:
      return DecideDrift(trigger, facts);
    case On::kModelAge: {
      const auto created_ms = facts.ChampionCreatedMs();
      if (!created_ms.ok()) return {false, created_ms.error().message};
      const std::int64_t due_ms = created_ms.value() + trigger.age_ms;
      return {now_ms >= due_ms,
              fmt::format("the champion was made at {}; {} is asked for", FormatTime(created_ms.value()),
                          FormatDuration(trigger.age_ms)),
              due_ms};
    }
    case On::kMetric:
      return DecideMetric(trigger, facts);
    case On::kExperiment:
      return DecideExperiment(trigger, after_ms, facts);
    case On::kWebhook:
      return {false, "runs when POST /v1/triggers/" + trigger.name + " is called"};
    case On::kCommand:
      return {false, "runs by `gfr trigger run " + trigger.name + "`"};
  }
  return {};
}

}  // namespace

TriggerDecision DecideTrigger(const TriggerConfig& trigger, std::int64_t now_ms, std::int64_t seen_ms,
                              std::int64_t last_ms, TriggerFacts& facts) {
  if (!trigger.enabled) return {false, "it is not enabled"};
  const std::int64_t cool_ms = last_ms == 0 ? 0 : last_ms + trigger.cooldown_ms;
  if (cool_ms > now_ms)
    return {false,
            fmt::format("it cools down until {} ({} from its last run, at {})", FormatTime(cool_ms),
                        FormatDuration(trigger.cooldown_ms), FormatTime(last_ms)),
            cool_ms};
  return DecideOccasion(trigger, now_ms, std::max(seen_ms, last_ms), facts);
}

}  // namespace gfr
