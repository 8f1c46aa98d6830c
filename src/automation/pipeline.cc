#include "automation/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/hash.h"
#include "base/time.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

bool IsOver(const StepRecord& step) {
  return step.state == StepState::kDone || step.state == StepState::kSkipped || step.state == StepState::kFailed;
}

// Of what earlier steps gave; what they did not give is missing.
Result<bool> HoldsCondition(const RunRecord& run, const TriggerConfig& trigger, std::size_t at) {
  std::vector<Expression::Name> names;
  for (std::size_t i = 0; i < at; ++i) {
    for (const StepOutputName& output : OutputsOf(trigger.steps[i].action))
      names.push_back({trigger.steps[i].name + "." + output.name, output.type});
  }
  GFR_ASSIGN(const Expression condition,
             Expression::Parse(trigger.steps[at].when, Expression::Type::kCondition, names));
  std::vector<double> numbers(names.size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<Key> categories(names.size(), 0);
  std::vector<Expression::Column> columns(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t dot = names[i].name.find('.');
    const auto step = std::ranges::find(run.steps, names[i].name.substr(0, dot), &StepRecord::name);
    const auto value = step->outputs.find(names[i].name.substr(dot + 1));
    if (step->state == StepState::kDone && value != step->outputs.end()) {
      if (const double* number = std::get_if<double>(&value->second))
        numbers[i] = *number;
      else
        categories[i] = KeyOf(std::get<std::string>(value->second));
    }
    columns[i] = {.numbers = &numbers[i], .categories = &categories[i]};
  }
  std::array<double, 1> holds{};
  condition.Evaluate(columns, holds);
  return holds[0] == 1;
}

void EndRun(RunRecord* run, RunState state, std::string why, std::int64_t now_ms) {
  run->state = state;
  run->why = std::move(why);
  run->ended_ms = now_ms;
  const bool failed = state == RunState::kFailed;
  Log(failed ? LogLevel::kError : LogLevel::kInfo, "triggers", failed ? "ALERT: a run failed" : "a run ended",
      {{"run", run->id}, {"state", RunStateName(state)}, {"why", run->why}});
}

// What becomes of a step whose action gave an error.
void NoteFailure(const Error& error, const TriggerConfig& trigger, const StepConfig& config, StepRecord* step,
                 RunRecord* run, std::int64_t now_ms) {
  ++step->failures;
  step->why = error.message;
  const bool again = error.code != ErrorCode::kInvalidArgument && step->failures <= trigger.retries;
  LogWarning("triggers", again ? "a step failed and is tried again" : "a step failed",
             {{"run", run->id}, {"step", step->name}, {"error", error.message}});
  if (again) {
    step->state = StepState::kPending;
    step->next_ms = now_ms + trigger.backoff_ms * (std::int64_t{1} << std::min(step->failures - 1, 20));
    return;
  }
  step->state = StepState::kFailed;
  step->ended_ms = now_ms;
  if (!config.may_fail) EndRun(run, RunState::kFailed, fmt::format("step {}: {}", step->name, error.message), now_ms);
}

// Of a step that was begun and has not ended. What cannot be given back now is tried again at the next look: the run is
// not over before.
Status TakeBack(RunRecord* run, std::size_t at, const TriggerConfig& trigger, RunStore& store,
                const StepActions& actions, const std::stop_token& stop) {
  if (run->steps[at].begun == 0) return {};
  constexpr std::int64_t kTakeBackMs = 60'000;
  StepContext context{.run = *run,
                      .trigger = trigger,
                      .config = trigger.steps[at],
                      .record = run->steps[at],
                      .save = [&] { return store.Save(*run); },
                      .deadline_ms = MonotonicMs() + kTakeBackMs,
                      .stop = stop,
                      .ends = true};
  const auto done = actions(context);
  return done.ok() ? Status() : Status(done.error());
}

// Begins the step or goes on with it. False: the run goes on later, or is over.
Result<bool> AdvanceStep(RunRecord* run, std::size_t at, const TriggerConfig& trigger, RunStore& store,
                         const StepActions& actions, const Clock& clock, const std::stop_token& stop) {
  const StepConfig& config = trigger.steps[at];
  StepRecord& step = run->steps[at];
  const std::int64_t now_ms = clock.now_ms();
  if (step.next_ms > now_ms) return false;
  if (step.begun == 0 && !config.when.empty()) {
    GFR_ASSIGN(const bool holds, HoldsCondition(*run, trigger, at));
    if (!holds) {
      step.state = StepState::kSkipped;
      step.why = "not: " + config.when;
      GFR_TRY(store.Save(*run));
      return true;
    }
  }
  if (step.state != StepState::kWaiting) ++step.begun;
  if (step.begun - step.failures > kMostBegun) {
    step.state = StepState::kFailed;
    EndRun(run, RunState::kFailed, fmt::format("step {} was begun {} times and never ended", step.name, kMostBegun),
           now_ms);
    GFR_TRY(store.Save(*run));
    return false;
  }
  if (step.started_ms == 0) step.started_ms = now_ms;
  const bool waited = step.state == StepState::kWaiting;
  step.state = waited ? StepState::kWaiting : StepState::kRunning;
  step.next_ms = 0;
  GFR_TRY(store.Save(*run));
  const std::int64_t run_left_ms = std::max<std::int64_t>(run->started_ms + trigger.timeout_ms - now_ms, 1);
  StepContext context{.run = *run,
                      .trigger = trigger,
                      .config = config,
                      .record = step,
                      .save = [&] { return store.Save(*run); },
                      .deadline_ms = MonotonicMs() + std::min(trigger.step_timeout_ms, run_left_ms),
                      .stop = stop};
  auto done = actions(context);
  const std::int64_t end_ms = clock.now_ms();
  if (!done.ok() && stop.stop_requested()) return false;  // It is begun anew at the next start.
  if (!done.ok()) {
    NoteFailure(done.error(), trigger, config, &step, run, end_ms);
    if (step.state == StepState::kFailed) {
      context.ends = true;
      if (const auto back = actions(context); !back.ok())
        LogWarning("triggers", "a step that failed could not give back what it took",
                   {{"run", run->id}, {"step", step.name}, {"error", back.error().message}});
    }
    GFR_TRY(store.Save(*run));
    return step.state == StepState::kFailed && config.may_fail;
  }
  StepOutcome& outcome = done.value();
  step.outputs = std::move(outcome.outputs);
  step.why = std::move(outcome.why);
  if (outcome.wait_until_ms > 0) {
    step.state = StepState::kWaiting;
    // The run is looked at when its time is over, also while a step waits.
    step.next_ms = std::min(outcome.wait_until_ms, run->started_ms + trigger.timeout_ms);
  } else {
    step.state = StepState::kDone;
    step.ended_ms = end_ms;
    if (outcome.stops) EndRun(run, RunState::kStopped, fmt::format("step {}: {}", step.name, step.why), end_ms);
  }
  GFR_TRY(store.Save(*run));
  return step.state == StepState::kDone && !outcome.stops;
}

// Its steps that are not over are looked at now: what they wait for may be long over, and an action says until when.
void MoveToNow(RunRecord* run, std::int64_t now_ms) {
  LogWarning("triggers", "the clock was set back while a run went on: its time counts from now", {{"run", run->id}});
  run->started_ms = now_ms;
  for (StepRecord& step : run->steps) {
    if (IsOver(step)) continue;
    step.started_ms = std::min(step.started_ms, now_ms);
    step.next_ms = std::min(step.next_ms, now_ms);
  }
}

}  // namespace

bool BeganInTheFuture(const RunRecord& run, std::int64_t now_ms) {
  return run.state == RunState::kRunning && IsOfTheFuture(run.started_ms, now_ms);
}

std::string StepContext::Text(const std::string& output) const {
  const StepValue* value = run.Find(output);
  const std::string* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return text != nullptr ? *text : "";
}

RunRecord NewRun(const TriggerConfig& trigger, const std::string& by, const std::string& reason, std::int64_t at_ms,
                 std::uint64_t project_fingerprint) {
  RunRecord run{.id = RunStore::IdOf(at_ms, trigger.name),
                .trigger = trigger.name,
                .target = trigger.target,
                .reason = reason,
                .by = by,
                .configuration = trigger.text,
                .project_fingerprint = project_fingerprint,
                .state = RunState::kQueued,
                .why = "",
                .queued_ms = at_ms,
                .steps = {}};
  for (const StepConfig& step : trigger.steps)
    run.steps.push_back({.name = step.name, .action = ActionName(step.action)});
  return run;
}

Status AdvanceRun(RunRecord* run, const TriggerConfig& trigger, RunStore& store, const StepActions& actions,
                  const Clock& clock, const std::stop_token& stop) {
  if (run->over()) return {};
  const std::int64_t now_ms = clock.now_ms();
  if (run->state == RunState::kQueued) {
    run->state = RunState::kRunning;
    run->started_ms = now_ms;
    run->why = "";
    LogInfo("triggers", "a run begins", {{"run", run->id}, {"reason", run->reason}});
  }
  if (BeganInTheFuture(*run, now_ms)) MoveToNow(run, now_ms);
  for (std::size_t at = 0; at < run->steps.size() && !stop.stop_requested(); ++at) {
    if (IsOver(run->steps[at])) continue;
    if (clock.now_ms() - run->started_ms >= trigger.timeout_ms) {
      GFR_TRY(TakeBack(run, at, trigger, store, actions, stop));
      EndRun(run, RunState::kFailed,
             fmt::format("it took {} or longer: step {} had not ended", FormatDuration(trigger.timeout_ms),
                         run->steps[at].name),
             clock.now_ms());
      return store.Save(*run);
    }
    GFR_ASSIGN(const bool goes_on, AdvanceStep(run, at, trigger, store, actions, clock, stop));
    if (!goes_on) return {};
  }
  if (!std::ranges::all_of(run->steps, IsOver)) return {};
  EndRun(run, RunState::kDone, "every step is done or was skipped", clock.now_ms());
  return store.Save(*run);
}

std::int64_t NextOf(const RunRecord& run) {
  for (const StepRecord& step : run.steps) {
    if (!IsOver(step)) return step.next_ms;
  }
  return 0;
}

}  // namespace gfr
