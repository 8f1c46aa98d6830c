#include "serve/canary_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/time.h"
#include "operations/load_model.h"
#include "runtime/logger.h"
#include "serve/allocations.h"
#include "serve/experiment_watch.h"
#include "serve/service_state.h"

namespace gfr {
namespace {

constexpr const char* kAlias = "canary";    // Its own: a challenger is whom a person named.
constexpr double kCalibrationAlpha = 0.01;  // Of each side; the other guardrails share 0.05 between them.
constexpr const char *kUndecided = "undecided", *kPassed = "passed", *kRolledBack = "rolled back", *kEnded = "ended";

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

// When something may be new: a window, the end of a share, or of the time that the last share waits for units.
std::int64_t NextLookMs(const Canary& canary, const StepConfig& step, std::int64_t now_ms) {
  const std::int64_t share_ms = canary.step_begun_ms + step.for_ms, bound_ms = canary.begun_ms + step.within_ms;
  return std::min(now_ms + PauseMs(step), share_ms > now_ms ? share_ms : std::max(bound_ms, now_ms + kSecondMs));
}

double UnitsOf(const ExperimentResults& results, std::size_t arm) {
  return arm < results.exposed.size() ? results.exposed[arm] : 0;
}

// Units of both arms whose window is whole; 0: there is no such metric.
double MatureUnits(const ExperimentResults& results, const std::vector<MetricConfig>& metrics) {
  for (const MetricResult& r : results.metrics) {
    if (metrics[r.metric].name == "units_with_a_click") return std::min(r.control.n, r.treatment.n);
  }
  return 0;
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

std::string CalibrationText(const CanaryCalibration::Arms& arms) {
  if (!std::isfinite(arms.champion.ratio()) || !std::isfinite(arms.candidate.ratio())) return "";
  return fmt::format("; observed over expected {:.2f} and {:.2f}", arms.champion.ratio(), arms.candidate.ratio());
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
    calibration_ = CanaryCalibration::Of({.experiment = canary.name(),
                                          .champion = Canary::kChampionArm,
                                          .candidate = Canary::kCandidateArm,
                                          .objective = now->project->objectives().front(),
                                          .window_ms = step.window_ms,
                                          .lateness_ms = step.lateness_ms,
                                          .leave_out = settings.leave_out,
                                          .alias = settings.alias});
    pass_ = std::make_unique<ExperimentPass>(std::move(settings));
    pass_run_ = canary.run;
  }
  GFR_TRY(pass_->Advance(s_.log->source()));
  ExperimentReport report = pass_->Report(now->assigner->allocation().periods);
  if (report.results.size() != 1) return Error{ErrorCode::kInternal, "a canary has one result"};
  return std::move(report.results.front());
}

Result<CanaryCalibration::Arms> CanaryWatch::Calibrate() {
  if (!calibration_) return CanaryCalibration::Arms();
  GFR_TRY(calibration_->Advance(s_.log->source()));
  return calibration_->Now();
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
  GFR_ASSIGN(const CanaryCalibration::Arms arms, Calibrate());
  const double observed_over_expected = arms.candidate.ratio();
  const std::string effects = Effects(results, metrics) + CalibrationText(arms);
  const auto ended = [&](const char* verdict, const std::string& reason) -> Result<CanaryLook> {
    GFR_TRY(End(canary, verdict, reason));
    Canary over = canary;
    over.verdict = verdict;
    over.reason = reason;
    CanaryLook look = LookOf(over);
    look.units = UnitsOf(results, 1);
    look.clicks = ClicksOf(results, metrics);
    look.observed_over_expected = observed_over_expected;
    return look;
  };
  if (champion != canary.champion)
    return ended(kEnded, "the champion was changed to " + champion + " while it ran; " + effects);
  if (const std::string why = WhyCanaryEnds(results, metrics); !why.empty())
    return ended(kRolledBack, why + "; " + effects);
  if (const std::string why =
          WhyMiscalibrated(arms.champion, arms.candidate, step.max_miscalibration, kCalibrationAlpha);
      !why.empty())
    return ended(kRolledBack, why + "; " + effects);
  if (now_ms >= canary.step_begun_ms + step.for_ms) {
    if (const double units = MatureUnits(results, metrics);
        canary.step + 1 == canary.ramp.size() && units >= step.min_units)
      return ended(kPassed, "no guardrail was crossed; " + effects);
    else if (canary.step + 1 == canary.ramp.size() && now_ms >= canary.begun_ms + step.within_ms)
      return ended(kUndecided, fmt::format("after {} there were {:.0f} units an arm whose window was whole, and {:.0f} "
                                           "are needed (min_units): nothing is known of the candidate; {}",
                                           FormatDuration(step.within_ms), units, step.min_units, effects));
  }
  const bool is_last = canary.step + 1 == canary.ramp.size();
  if (!is_last && now_ms >= canary.step_begun_ms + step.for_ms) {
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
                    .next_ms = NextLookMs(canary, step, now_ms),
                    .share = share,
                    .units = UnitsOf(results, 1),
                    .clicks = ClicksOf(results, metrics),
                    .observed_over_expected = observed_over_expected};
}

// The document first: whatever comes between, no unit gets the candidate after the next start.
Status CanaryWatch::End(Canary canary, const std::string& verdict, const std::string& reason) {
  const std::shared_ptr<const Project> held = s_.serving()->project;
  const Project& project = *held;
  canary.verdict = verdict;
  canary.reason = reason;
  GFR_TRY(KeepCanary(project, canary));
  pass_.reset();
  calibration_.reset();
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
