#include "serve/canary_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "operations/load_model.h"
#include "runtime/logger.h"
#include "serve/allocations.h"
#include "serve/experiment_watch.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

constexpr const char* kAlias = "challenger";
constexpr const char *kPassed = "passed", *kRolledBack = "rolled back", *kEnded = "ended";

// Twice while a unit's window becomes whole.
std::int64_t PauseMs(const StepConfig& step) {
  return std::min(CanaryWatch::kPeriodMs, (step.window_ms + step.lateness_ms) / 2);
}

CanaryLook LookOf(const Canary& canary) {
  CanaryLook look{.why = canary.verdict + ": " + canary.reason, .share = canary.ramp[canary.step]};
  look.state = canary.verdict == kPassed ? CanaryLook::State::kPassed : CanaryLook::State::kEnded;
  look.clicks = std::numeric_limits<double>::quiet_NaN();
  return look;
}

double UnitsOf(const ExperimentResults& results, std::size_t arm) {
  return arm < results.exposed.size() ? results.exposed[arm] : 0;
}

// In words: each guardrail's effect as far as it is known.
std::string Effects(const ExperimentResults& results, const std::vector<MetricConfig>& metrics) {
  std::string text =
      fmt::format("{:.0f} units got the champion and {:.0f} the candidate", UnitsOf(results, 0), UnitsOf(results, 1));
  for (const MetricResult& r : results.metrics) {
    if (std::isfinite(r.relative.value))
      text += fmt::format("; {} {:+.2f} %", metrics[r.metric].name, 100 * r.relative.value);
  }
  return text;
}

double ClicksOf(const ExperimentResults& results, const std::vector<MetricConfig>& metrics) {
  for (const MetricResult& r : results.metrics) {
    if (metrics[r.metric].name == "clicks_per_impression") return r.relative.value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Result<CanaryLook> CanaryWatch::Look(const Canary& plan, const StepConfig& step, bool begun) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<const Project> held = s_.serving()->project;
  const Project& project = *held;
  GFR_ASSIGN(std::optional<Canary> canary, CanaryOf(project));
  const std::int64_t now_ms = project.workspace().clock().now_ms();
  if (canary && canary->run != plan.run && !canary->over())
    return CanaryLook{.state = CanaryLook::State::kWaits,
                      .why = "waits for the canary of run " + canary->run,
                      .next_ms = now_ms + kPeriodMs};
  if (!canary || canary->run != plan.run) {
    if (begun) return CanaryLook{.state = CanaryLook::State::kEnded, .why = "it was ended while it ran"};
    return Begin(plan, step);
  }
  if (canary->over()) {
    // A person ended it, or a kill kept it from being taken.
    if (s_.serving()->assigner->experiments().Find(canary->name()) != nullptr)
      GFR_TRY(End(*canary, canary->verdict, canary->reason));
    return LookOf(*canary);
  }
  return Advance(*std::move(canary), step);
}

Result<CanaryLook> CanaryWatch::Begin(Canary canary, const StepConfig& step) {
  const std::shared_ptr<const Serving> now = s_.serving();
  const Project& project = *now->project;
  GFR_TRY(CheckCanary(canary, now->assigner->experiments()));
  Registry registry = project.registry();
  GFR_TRY(registry.SetAlias(kModelName, kAlias, canary.version));
  now->models->LookNow();
  if (!now->models->models()->Find(canary.version))
    return Error{ErrorCode::kUnavailable, "the server could not load version " + canary.version + " for its canary"};
  canary.begun_ms = canary.step_begun_ms = project.workspace().clock().now_ms();
  GFR_TRY(KeepCanary(project, canary));
  GFR_TRY(TakeAllocation(s_, {}));
  LogInfo("canary", "a candidate gets a share of the units",
          {{"run", canary.run}, {"version", canary.version}, {"share", fmt::format("{:g}", canary.ramp[0])}});
  return CanaryLook{.state = CanaryLook::State::kRuns,
                    .why = fmt::format("{:g} % of the units get version {}", 100 * canary.ramp[0], canary.version),
                    .next_ms = canary.begun_ms + PauseMs(step),
                    .share = canary.ramp[0],
                    .clicks = std::numeric_limits<double>::quiet_NaN()};
}

Result<ExperimentResults> CanaryWatch::Judge(const Canary& canary, const StepConfig& step) {
  const std::shared_ptr<const Serving> now = s_.serving();
  if (!pass_ || pass_run_ != canary.run) {
    ExperimentSettings settings = now->project->experiment_settings();
    settings.experiments = {};
    settings.experiments.all = {canary.AsExperiment()};
    settings.metrics = CanaryMetrics(step.window_ms, step.lateness_ms);
    pass_ = std::make_unique<ExperimentPass>(std::move(settings));
    pass_run_ = canary.run;
  }
  GFR_TRY(pass_->Advance(s_.log->source()));
  ExperimentReport report = pass_->Report(now->assigner->allocation().periods);
  if (report.results.size() != 1) return Error{ErrorCode::kInternal, "a canary has one result"};
  return std::move(report.results.front());
}

Result<CanaryLook> CanaryWatch::Advance(Canary canary, const StepConfig& step) {
  const std::shared_ptr<const Serving> now = s_.serving();
  const Project& project = *now->project;
  const std::int64_t now_ms = project.workspace().clock().now_ms();
  // One that a kill kept from being assigned.
  if (now->assigner->experiments().Find(canary.name()) == nullptr) GFR_TRY(TakeAllocation(s_, {}));
  Registry registry = project.registry();
  GFR_ASSIGN(const std::string champion, registry.Champion(kModelName));
  GFR_ASSIGN(const ExperimentResults results, Judge(canary, step));
  const std::vector<MetricConfig> metrics = pass_->metrics();  // The pass ends with the canary.
  const std::string effects = Effects(results, metrics);
  const auto ended = [&](const char* verdict, const std::string& reason) -> Result<CanaryLook> {
    GFR_TRY(End(canary, verdict, reason));
    Canary over = canary;
    over.verdict = verdict;
    over.reason = reason;
    CanaryLook look = LookOf(over);
    look.units = UnitsOf(results, 1);
    look.clicks = ClicksOf(results, metrics);
    return look;
  };
  if (champion != canary.champion)
    return ended(kEnded, "the champion was changed to " + champion + " while it ran; " + effects);
  if (const std::string why = WhyCanaryEnds(results, metrics); !why.empty())
    return ended(kRolledBack, why + "; " + effects);
  if (now_ms >= canary.step_begun_ms + step.for_ms) {
    if (canary.step + 1 == canary.ramp.size()) return ended(kPassed, "no guardrail was crossed; " + effects);
    ++canary.step;
    canary.step_begun_ms = now_ms;
    GFR_TRY(KeepCanary(project, canary));
    GFR_TRY(TakeAllocation(s_, {}));
    LogInfo("canary", "the ramp goes on",
            {{"run", canary.run}, {"share", fmt::format("{:g}", canary.ramp[canary.step])}, {"so_far", effects}});
  }
  const double share = canary.ramp[canary.step];
  return CanaryLook{.state = CanaryLook::State::kRuns,
                    .why = fmt::format("{:g} % of the units get version {}: {}", 100 * share, canary.version, effects),
                    .next_ms = std::min(now_ms + PauseMs(step), canary.step_begun_ms + step.for_ms),
                    .share = share,
                    .units = UnitsOf(results, 1),
                    .clicks = ClicksOf(results, metrics)};
}

// The document first: whatever comes between, no unit gets the candidate after the next start.
Status CanaryWatch::End(Canary canary, const std::string& verdict, const std::string& reason) {
  const std::shared_ptr<const Project> held = s_.serving()->project;
  const Project& project = *held;
  canary.verdict = verdict;
  canary.reason = reason;
  GFR_TRY(KeepCanary(project, canary));
  pass_.reset();
  const Status taken = TakeAllocation(s_, {});
  Registry registry = project.registry();
  if (const auto alias = registry.Alias(kModelName, kAlias); alias.ok() && alias.value() == canary.version)
    GFR_TRY(registry.SetAlias(kModelName, kAlias, ""));
  if (verdict == kPassed)
    LogInfo("canary", "a canary passed", {{"run", canary.run}, {"version", canary.version}, {"why", reason}});
  else
    LogError("canary", "ALERT: a canary was ended; its units get the champion",
             {{"run", canary.run}, {"version", canary.version}, {"verdict", verdict}, {"why", reason}});
  return taken;
}

Status CanaryWatch::EndWithoutRun(const std::set<std::string>& unfinished) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<const Project> project = s_.serving()->project;
  GFR_ASSIGN(const std::optional<Canary> canary, CanaryOf(*project));
  if (!canary || canary->over() || unfinished.contains(canary->run)) return {};
  return End(*canary, kEnded, "its run is over");
}

}  // namespace gfr
