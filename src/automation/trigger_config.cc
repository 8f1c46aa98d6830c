#include "automation/trigger_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/text.h"
#include "index/index_registry.h"
#include "monitor/alert.h"

namespace gfr {
namespace {

using On = TriggerConfig::On;

struct NamedAction {
  const char* name;
  StepAction action;
};
constexpr NamedAction kActions[] = {{"retrain", StepAction::kRetrain},   {"recalibrate", StepAction::kRecalibrate},
                                    {"evaluate", StepAction::kEvaluate}, {"gate", StepAction::kGate},
                                    {"promote", StepAction::kPromote},   {"shadow", StepAction::kShadow},
                                    {"canary", StepAction::kCanary},     {"rollback", StepAction::kRollback},
                                    {"webhook", StepAction::kWebhook},   {"run", StepAction::kRun},
                                    {"alert", StepAction::kAlert},       {"scale", StepAction::kScale},
                                    {"index", StepAction::kIndex}};
struct NamedOn {
  const char* name;
  On on;
};
constexpr NamedOn kOns[] = {{"schedule", On::kSchedule}, {"new_data", On::kNewData},   {"drift", On::kDrift},
                            {"metric", On::kMetric},     {"model_age", On::kModelAge}, {"experiment", On::kExperiment},
                            {"webhook", On::kWebhook},   {"command", On::kCommand}};

constexpr std::int64_t kCanaryForMs = 2 * kHourMs;  // Each share of its ramp.
constexpr double kCanaryMiscalibration = 0.25;

template <typename T>
std::string Names(const T& all) {
  std::string names;
  for (const auto& one : all) names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

bool IsTriggerName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void ReadAction(Config& table, const char* key, const std::string& text, StepConfig* step) {
  const auto at = std::ranges::find(kActions, text, &NamedAction::name);
  if (at == std::end(kActions))
    table.Fail(key, fmt::format("{} is no action; valid are {}", Quoted(text), Names(kActions)));
  else
    step->action = at->action;
  step->name = text;
}

std::int64_t RampMs(const StepConfig& canary) { return canary.for_ms * std::ssize(canary.ramp); }

void ReadCanary(Config& table, StepConfig* step) {
  step->ramp = table.Numbers("ramp", step->ramp);
  const bool rises = !step->ramp.empty() && step->ramp.size() <= 20 && std::ranges::is_sorted(step->ramp) &&
                     step->ramp.front() > 0 && step->ramp.back() <= 0.5;
  if (!rises) table.Fail("ramp", "are 1 to 20 rising shares of the units, above 0 and up to 0.5");
  step->for_ms = table.DurationMs("for", kCanaryForMs);
  step->window_ms = table.DurationMs("window", step->window_ms);
  if (step->window_ms < kSecondMs || step->window_ms > kHourMs)
    table.Fail("window", "is between 1s and 1h: a canary is decided within hours");
  step->lateness_ms = table.DurationMs("lateness", step->lateness_ms);
  step->min_units =
      static_cast<double>(table.Integer("min_units", static_cast<std::int64_t>(step->min_units), 1, INT64_C(1) << 40));
  step->within_ms = table.DurationMs("within", 0);
  step->max_miscalibration = table.Number("max_miscalibration", kCanaryMiscalibration, 0.01, 100);
  const std::int64_t ramp_ms = RampMs(*step);
  if (step->within_ms < ramp_ms && table.Has("within"))
    table.Fail("within",
               fmt::format("is {}, and the ramp takes {}", FormatDuration(step->within_ms), FormatDuration(ramp_ms)));
  if (step->for_ms < step->window_ms + step->lateness_ms)
    table.Fail("for", fmt::format("is {}: no unit's window ({}, and {} for what comes late) would be whole by then",
                                  FormatDuration(step->for_ms), FormatDuration(step->window_ms),
                                  FormatDuration(step->lateness_ms)));
}

void ReadScale(Config& table, StepConfig* step) {
  const auto count = [&](const char* key) -> std::optional<int> {
    if (!table.Has(key)) return std::nullopt;
    return static_cast<int>(table.Integer(key, 1, 1, 1000));
  };
  step->min_replicas = count("min_replicas");
  step->max_replicas = count("max_replicas");
  if (step->min_replicas && step->max_replicas && *step->max_replicas < *step->min_replicas)
    table.Fail("max_replicas", "it is below min_replicas");
  step->for_ms = table.DurationMs("for", 0);
}

void ReadIndexStep(Config& table, StepConfig* step) {
  step->make = table.String("make", step->make);
  if (step->make != kEmbeddingName && step->make != kFirstStageName)
    table.Fail("make", fmt::format("is {}; valid are {} and {}", Quoted(step->make), kEmbeddingName, kFirstStageName));
  step->min_items =
      static_cast<double>(table.Integer("min_items", static_cast<std::int64_t>(step->min_items), 1, INT64_C(1) << 30));
  if (step->make != kFirstStageName) return;
  step->feed = table.String("feed", "");
  step->min_recall = table.Number("min_recall", step->min_recall, 0, 1);
}

// The keys that each action reads, and no other.
void ReadStepSettings(Config& table, StepConfig* step) {
  switch (step->action) {
    case StepAction::kGate:
    case StepAction::kPromote:
      step->margin = table.Number("margin", step->margin, 0, 1);
      step->max_slowdown = table.Number("max_slowdown", step->max_slowdown, 1, 1000);
      step->max_miscalibration = table.Number("max_miscalibration", step->max_miscalibration, 0.001, 10);
      step->without_evidence = table.String("without_evidence", step->without_evidence);
      if (step->without_evidence != "canary" && step->without_evidence != "promote")
        table.Fail("without_evidence",
                   fmt::format("is {}; valid are canary and promote", Quoted(step->without_evidence)));
      step->rule = table.String("rule", step->rule);
      if (step->rule != "auto" && step->rule != "not_worse" && step->rule != "better")
        table.Fail("rule", fmt::format("{} is no rule; valid are auto, not_worse and better", Quoted(step->rule)));
      break;
    case StepAction::kShadow:
      step->for_ms = table.DurationMs("for", step->for_ms);
      break;
    case StepAction::kCanary:
      ReadCanary(table, step);
      break;
    case StepAction::kRun:
      step->command = table.Strings("command", {});
      if (step->command.empty() || step->command[0].empty())
        table.Fail("command", "`run` needs command = [\"PROGRAM\", \"ARGUMENT\", ...]; no shell reads it");
      break;
    case StepAction::kWebhook:
      step->url = table.String("url", "");
      if (!step->url.starts_with("http://") && !step->url.starts_with("https://"))
        table.Fail("url", "`webhook` needs url = \"https://...\"");
      step->secret_env = table.String("secret_env", "");
      if (table.Has("secret_env") && step->secret_env.empty())
        table.Fail("secret_env", "names the variable with the secret that signs; leave it out for no signature");
      step->allow_private = table.Boolean("allow_private", false);
      step->message = table.String("message", "");
      break;
    case StepAction::kScale:
      ReadScale(table, step);
      break;
    case StepAction::kIndex:
      ReadIndexStep(table, step);
      break;
    case StepAction::kAlert:
      step->message = table.String("message", "");
      break;
    case StepAction::kRetrain:
    case StepAction::kRecalibrate:
    case StepAction::kEvaluate:
    case StepAction::kRollback:
      break;
  }
}

// Against the outputs of the steps before it.
Status CheckCondition(const StepConfig& step, const std::vector<StepConfig>& before) {
  std::vector<Expression::Name> names;
  for (const StepConfig& earlier : before) {
    for (const StepOutputName& output : OutputsOf(earlier.action))
      names.push_back({earlier.name + "." + output.name, output.type});
  }
  const auto parsed = Expression::Parse(step.when, Expression::Type::kCondition, names);
  return parsed.ok() ? Status() : Status(parsed.error());
}

bool IsStepName(const std::string& name) { return IsTriggerName(name) && name.find('-') == std::string::npos; }

Status ReadSteps(Config& table, TriggerConfig* trigger) {
  std::vector<StepConfig>& steps = trigger->steps;
  for (const std::string& action : table.Strings("do", {})) {
    StepConfig step;
    ReadAction(table, "do", action, &step);
    if (step.action == StepAction::kCanary) {
      step.for_ms = kCanaryForMs;
      step.max_miscalibration = kCanaryMiscalibration;
    }
    if (step.action == StepAction::kRun || step.action == StepAction::kWebhook || step.action == StepAction::kScale) {
      table.Fail("do", fmt::format("'{}' has settings of its own: write it as a [[trigger.step]]", action));
      continue;
    }
    steps.push_back(std::move(step));
  }
  for (Config& own : table.Tables("step")) {
    StepConfig step;
    ReadAction(own, "do", own.String("do", ""), &step);
    step.name = own.String("name", step.name);
    if (!IsStepName(step.name)) own.Fail("name", "a step's name is 1 to 64 of a-z, 0-9 and _");
    if (std::ranges::find(steps, step.name, &StepConfig::name) != steps.end())
      own.Fail("name", fmt::format("two steps are named {}: give one another `name`", Quoted(step.name)));
    step.when = own.String("when", "");
    step.may_fail = own.Boolean("may_fail", false);
    ReadStepSettings(own, &step);
    if (!step.when.empty()) {
      if (const Status valid = CheckCondition(step, steps); !valid.ok()) own.Fail("when", valid.error().message);
    }
    GFR_TRY(own.Finish());
    steps.push_back(std::move(step));
  }
  std::set<std::string> names;
  for (const StepConfig& step : steps) {
    if (!names.insert(step.name).second) table.Fail("do", fmt::format("two steps are named {}", Quoted(step.name)));
  }
  if (steps.empty()) table.Fail("do", "a trigger does something: do = [\"retrain\", \"promote\"], or [[trigger.step]]");
  return {};
}

void ReadSchedule(Config& table, TriggerConfig* trigger) {
  auto cron = CronSchedule::Parse(table.String("cron", ""));
  if (cron.ok())
    trigger->cron = std::move(cron).value();
  else
    table.Fail("cron", cron.error().message);
  auto zone = TimeZone::Open(table.String("time_zone", "UTC"));
  if (zone.ok())
    trigger->zone = std::move(zone).value();
  else
    table.Fail("time_zone", zone.error().message);
}

void ReadMetric(Config& table, TriggerConfig* trigger) {
  trigger->metric = table.String("metric", "");
  if (trigger->metric.empty()) table.Fail("metric", "name a series as /metrics has it: 'gfr_models_degraded'");
  constexpr double kAny = 1e300;
  if (table.Has("above")) trigger->above = table.Number("above", 0, -kAny, kAny);
  if (table.Has("below")) trigger->below = table.Number("below", 0, -kAny, kAny);
  if (!trigger->above && !trigger->below) table.Fail("metric", "say `above` or `below` which value it is due");
  trigger->over_ms = table.DurationMs("over", 0);
}

void ReadRows(Config& table, std::int64_t otherwise, const std::vector<std::string>& objectives,
              TriggerConfig* trigger) {
  trigger->rows = static_cast<std::uint64_t>(table.Integer("rows", otherwise, 1, INT64_C(1) << 50));
  trigger->objective = table.String("objective", objectives.empty() ? "" : objectives[0]);
  if (std::ranges::find(objectives, trigger->objective) == objectives.end())
    table.Fail("objective", fmt::format("no [[objective]] is named {}", Quoted(trigger->objective)));
}

void ReadDrift(Config& table, const std::vector<std::string>& objectives, TriggerConfig* trigger) {
  trigger->kind = table.String("kind", "");
  const auto kinds = std::span(kAlertKindNames);
  if (!trigger->kind.empty() &&
      std::ranges::find(kinds, trigger->kind, [](const char* k) { return std::string(k); }) == kinds.end())
    table.Fail("kind",
               fmt::format("{} is no kind of alert; valid are {}", Quoted(trigger->kind), fmt::join(kinds, ", ")));
  trigger->drifted = table.String("drifted", "");
  ReadRows(table, 1000, objectives, trigger);
}

void ReadOccasion(Config& table, const std::vector<std::string>& objectives, TriggerConfig* trigger) {
  const std::string on = table.String("on", "");
  const auto at = std::ranges::find(kOns, on, &NamedOn::name);
  if (at == std::end(kOns)) {
    table.Fail("on", fmt::format("{} is no occasion; valid are {}", Quoted(on), Names(kOns)));
    return;
  }
  trigger->on = at->on;
  switch (trigger->on) {
    case On::kSchedule:
      ReadSchedule(table, trigger);
      break;
    case On::kNewData:
      ReadRows(table, 10'000, objectives, trigger);
      break;
    case On::kDrift:
      ReadDrift(table, objectives, trigger);
      break;
    case On::kMetric:
      ReadMetric(table, trigger);
      break;
    case On::kModelAge:
      trigger->age_ms = table.DurationMs("age", 7 * kDayMs);
      if (trigger->age_ms < kMinuteMs) table.Fail("age", "an age is at least 1m");
      break;
    case On::kExperiment:
      trigger->experiment = table.String("experiment", "");
      if (trigger->experiment.empty()) table.Fail("experiment", "name an [[experiment]] whose end is the occasion");
      trigger->decision = table.String("decision", "");
      if (!trigger->decision.empty() && trigger->decision != "roll back" && trigger->decision != "stopped")
        table.Fail("decision", fmt::format("{} is no decision; valid are \"roll back\" and \"stopped\"",
                                           Quoted(trigger->decision)));
      break;
    case On::kWebhook:
    case On::kCommand:
      break;
  }
}

Result<TriggerConfig> ReadTrigger(Config& table, const std::vector<std::string>& objectives) {
  TriggerConfig trigger;
  trigger.text = table.Extract(table.Keys());
  trigger.name = table.String("name", "");
  if (!IsTriggerName(trigger.name)) table.Fail("name", "a trigger's name is 1 to 64 of a-z, 0-9, _ and -");
  trigger.enabled = table.Boolean("enabled", true);
  ReadOccasion(table, objectives, &trigger);
  const bool paced = trigger.on == On::kSchedule;  // By its own times.
  trigger.cooldown_ms = table.DurationMs("cooldown", paced ? 0 : kDayMs);
  trigger.timeout_ms = table.DurationMs("timeout", trigger.timeout_ms);
  trigger.step_timeout_ms = table.DurationMs("step_timeout", trigger.step_timeout_ms);
  for (const auto& [key, value] : {std::pair{"timeout", trigger.timeout_ms}, {"step_timeout", trigger.step_timeout_ms}})
    if (value < kSecondMs) table.Fail(key, "at least 1s");
  trigger.retries = static_cast<int>(table.Integer("retries", trigger.retries, 0, 20));
  trigger.backoff_ms = std::max<std::int64_t>(table.DurationMs("backoff", trigger.backoff_ms), 1);
  trigger.memory_bytes = table.SizeBytes("memory", 0);
  trigger.nice = static_cast<int>(table.Integer("nice", trigger.nice, 0, 19));
  GFR_TRY(ReadSteps(table, &trigger));
  const bool of_the_model = std::ranges::any_of(trigger.steps, [](const StepConfig& s) {
    return s.action != StepAction::kRun && s.action != StepAction::kWebhook && s.action != StepAction::kAlert &&
           s.action != StepAction::kScale && s.action != StepAction::kEvaluate && s.action != StepAction::kIndex;
  });
  const bool of_an_index =
      std::ranges::find(trigger.steps, StepAction::kIndex, &StepConfig::action) != trigger.steps.end();
  // What is trained before labels from after the onset are there would learn the world of before it.
  trigger.waits_for_labels = trigger.on == On::kDrift && std::ranges::any_of(trigger.steps, [](const StepConfig& s) {
                               return s.action == StepAction::kRetrain || s.action == StepAction::kRecalibrate;
                             });
  trigger.target = table.String("target", of_the_model ? "model" : of_an_index ? "index" : trigger.name);
  for (StepConfig& step : trigger.steps) {
    if (step.action == StepAction::kCanary && step.within_ms == 0)
      step.within_ms = std::max(RampMs(step), trigger.timeout_ms / 2);
    const std::int64_t takes_ms = step.action == StepAction::kShadow   ? step.for_ms
                                  : step.action == StepAction::kCanary ? step.within_ms
                                                                       : 0;
    if (takes_ms >= trigger.timeout_ms)
      table.Fail("timeout", fmt::format("is {}, and step {} takes {}", FormatDuration(trigger.timeout_ms), step.name,
                                        FormatDuration(takes_ms)));
  }
  if (!IsTriggerName(trigger.target)) table.Fail("target", "a target's name is of a-z, 0-9, _ and -");
  GFR_TRY(table.Finish());
  return trigger;
}

}  // namespace

const char* ActionName(StepAction action) { return std::ranges::find(kActions, action, &NamedAction::action)->name; }

const char* OnName(On on) { return std::ranges::find(kOns, on, &NamedOn::on)->name; }

const std::vector<StepOutputName>& OutputsOf(StepAction action) {
  using enum Expression::Type;
  static const std::vector<StepOutputName> trained{
      {"version", kCategory}, {"log_loss", kNumber}, {"auc", kNumber}, {"rows", kNumber}, {"first", kNumber}},
      evaluated{{"log_loss", kNumber}, {"auc", kNumber}, {"observed_over_expected", kNumber}, {"rows", kNumber}},
      promoted{{"promoted", kNumber}, {"verdict", kCategory}, {"rule", kCategory}, {"difference", kNumber}},
      gated{{"version", kCategory}, {"verdict", kCategory}, {"rule", kCategory}, {"difference", kNumber}},
      shadowed{{"version", kCategory}},
      canaried{{"version", kCategory},
               {"share", kNumber},
               {"units", kNumber},
               {"clicks", kNumber},
               {"observed_over_expected", kNumber}},
      rolled_back{{"version", kCategory}}, called{{"status", kNumber}}, ran{{"code", kNumber}},
      scaled{{"min_replicas", kNumber}, {"max_replicas", kNumber}},
      indexed{{"index_version", kCategory},
              {"items", kNumber},
              {"dimensions", kNumber},
              {"recall", kNumber},
              {"promoted", kNumber}},
      none;
  switch (action) {
    case StepAction::kRetrain:
    case StepAction::kRecalibrate:
      return trained;
    case StepAction::kEvaluate:
      return evaluated;
    case StepAction::kGate:
      return gated;
    case StepAction::kPromote:
      return promoted;
    case StepAction::kShadow:
      return shadowed;
    case StepAction::kCanary:
      return canaried;
    case StepAction::kRollback:
      return rolled_back;
    case StepAction::kWebhook:
      return called;
    case StepAction::kRun:
      return ran;
    case StepAction::kScale:
      return scaled;
    case StepAction::kIndex:
      return indexed;
    case StepAction::kAlert:
      return none;
  }
  return none;
}

Result<std::vector<TriggerConfig>> TriggerConfig::ReadAll(Config& project, const std::vector<std::string>& objectives) {
  std::vector<TriggerConfig> triggers;
  for (Config& table : project.Tables("trigger")) {
    GFR_ASSIGN(TriggerConfig trigger, ReadTrigger(table, objectives));
    if (std::ranges::find(triggers, trigger.name, &TriggerConfig::name) != triggers.end())
      table.Fail("name", fmt::format("two triggers are named {}", Quoted(trigger.name)));
    GFR_TRY(table.Finish());  // Of what was found after reading it.
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

Result<TriggerConfig> TriggerConfig::Parse(const std::string& text, const std::vector<std::string>& objectives) {
  GFR_ASSIGN(Config table, Config::Parse(text, "trigger"));
  return ReadTrigger(table, objectives);
}

}  // namespace gfr
