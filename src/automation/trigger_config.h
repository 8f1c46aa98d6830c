// TriggerConfig: [[trigger]] of gfr.toml: when something is to be done, and the steps that do it.
//
//   [[trigger]]
//   name = "nightly"
//   on = "schedule"            # new_data | drift | metric | model_age | experiment | webhook | command
//   cron = "30 3 * * *"
//   do = ["retrain", "promote"]
// or, where a step has settings of its own, [[trigger.step]] tables with `do` in place of the list.
// docs/automation.md is the manual. Thread safety: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "automation/cron.h"
#include "base/config.h"
#include "base/time.h"
#include "base/time_zone.h"
#include "expression/expression.h"

namespace gfr {

enum class StepAction {
  kRetrain,
  kRecalibrate,
  kEvaluate,
  kGate,
  kPromote,
  kShadow,
  kCanary,
  kRollback,
  kWebhook,
  kRun,
  kAlert,
  kScale,
  kIndex
};
const char* ActionName(StepAction action);

// A name that a step's outputs have in conditions of later steps: "retrain.log_loss".
struct StepOutputName {
  std::string name;
  Expression::Type type = Expression::Type::kNumber;
};
const std::vector<StepOutputName>& OutputsOf(StepAction action);

struct StepConfig {
  std::string name;  // The action's, unless `name` says another.
  StepAction action = StepAction::kAlert;
  std::string when;       // A condition over earlier steps' outputs; empty: always.
  bool may_fail = false;  // The pipeline goes on when it has failed.
  // Of gate and promote: how the candidate is judged (gate.h); of canary: how far observed over expected may be off.
  double margin = 0.002, max_slowdown = 1.5, max_miscalibration = 0.1;
  std::string rule = "auto";                // auto | not_worse | better
  std::string without_evidence = "canary";  // Of off-policy value: canary | promote
  // Of shadow: how long it stays; of canary: how long each share of the ramp.
  std::int64_t for_ms = kHourMs;
  std::vector<double> ramp{0.05, 0.25, 0.5};  // Of canary: shares of the units that get the candidate.
  std::int64_t window_ms = kHourMs;           // Of canary: a unit is judged by so long after its first feed.
  std::int64_t lateness_ms = 10 * kMinuteMs;  // Of canary: and its events are waited for so long.
  // Of canary: it passes with so many units of each arm whose window is whole; the last share waits for them, until so
  // long after its beginning.
  double min_units = 150;
  std::int64_t within_ms = 0;        // By default half of the trigger's timeout, and at least the ramp's time.
  std::vector<std::string> command;  // Of run: argv, never a shell's text.
  std::string url, secret_env;       // Of webhook.
  bool allow_private = false;        // Of webhook: the URL may lead to this network.
  std::string message;               // Of alert and webhook.
  // Of scale: bounds in place of those of [scale], for `for_ms` (0: until another step); neither: [scale] counts again.
  std::optional<int> min_replicas, max_replicas;
  // Of index: what is made, embedding or first_stage; for which [[feed]] (of first_stage; empty: the first); and what a
  // version must have to become the champion: items, and (of first_stage) a recall.
  std::string make = "embedding", feed;
  double min_items = 1, min_recall = 0;
};

struct TriggerConfig {
  enum class On { kSchedule, kNewData, kDrift, kMetric, kModelAge, kExperiment, kWebhook, kCommand };

  std::string name;
  On on = On::kCommand;
  bool enabled = true;
  std::optional<CronSchedule> cron;  // Of kSchedule.
  TimeZone zone;
  std::string objective;   // Of kNewData and kDrift; empty: the first one.
  std::uint64_t rows = 0;  // Of kNewData: mature rows that the newest version has not seen; of kDrift: since the onset.
  std::string kind;        // Of kDrift: an alert's (monitor/alert.h); empty: any.
  std::string drifted;     // Of kDrift: the name of what drifts; empty: any.
  // Of kDrift: due only when so many rows since the onset have mature labels. Without, at once.
  bool waits_for_labels = false;
  std::string metric;  // Of kMetric: a series as /metrics names it.
  std::optional<double> above, below;
  std::int64_t over_ms = 0;  // Of kMetric: the series' increase over this time; 0: its value.
  std::int64_t age_ms = 0;   // Of kModelAge: of the champion.
  std::string experiment;    // Of kExperiment: whose end is the occasion.
  std::string decision;      // Of kExperiment: "roll back", "stopped"; empty: any.

  std::int64_t cooldown_ms = kDayMs;  // From one start to the next. 0 by default for a schedule.
  std::int64_t timeout_ms = kDayMs;   // Of a whole run.
  std::int64_t step_timeout_ms = 6 * kHourMs;
  int retries = 2;                      // Of a step that failed.
  std::int64_t backoff_ms = kMinuteMs;  // Before the first retry; doubled each time.
  std::string target = "model";         // One run at a time has it.
  std::uint64_t memory_bytes = 0;       // Of a child's; 0: no limit.
  int nice = 10;                        // Of a child.
  std::vector<StepConfig> steps;
  std::string text;  // As gfr.toml says it: of equal texts, equal triggers.

  // All of a project, in file order. kInvalidArgument names file, line and key.
  static Result<std::vector<TriggerConfig>> ReadAll(Config& project, const std::vector<std::string>& objectives);
  // One of `text`.
  static Result<TriggerConfig> Parse(const std::string& text, const std::vector<std::string>& objectives);
};
const char* OnName(TriggerConfig::On on);

}  // namespace gfr
