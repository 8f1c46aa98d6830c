// CanaryWatch: the server's canary: begins it, takes its ramp's steps, judges it from the log, and ends it.
//
// Its units are assigned as those of an experiment (experiment/canary.h). One that has not enough units by its time is
// undecided, and its run ends. Each look reads what is new in the log and
// judges the guardrails by sequences that may be watched: one that is crossed ends the canary at once, and its units
// get the champion. What is kept (assignment/canary.json) says how it ended, so that a look after a kill comes to the
// same. The candidate has the alias canary meanwhile: every server has it loaded before a unit gets it.
// Thread safety: all calls; one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "automation/model_actions.h"
#include "base/sync.h"
#include "experiment/canary.h"
#include "operations/canary_calibration.h"
#include "operations/experiment_results.h"

namespace gfr {

struct ServiceState;

class CanaryWatch {
 public:
  static constexpr std::int64_t kPeriodMs = kMinuteMs;  // Of looks, at most.

  explicit CanaryWatch(ServiceState& s) : s_(s) {}
  // Begins `plan`, or goes on with the canary of its run. `begun`: it was begun before: one that is not there any more
  // was ended. Errors: kInvalidArgument, something else chooses the model of feeds (CheckCanary); kUnavailable, the
  // candidate is not loaded, or the registry's store or the log cannot be read.
  Result<CanaryLook> Look(const Canary& plan, const StepConfig& step, bool begun);
  // Ends a canary whose run is none of these: it failed, or took too long.
  Status EndWithoutRun(const std::set<std::string>& unfinished);

 private:
  // All with mutex_ held.
  Result<CanaryLook> Begin(Canary canary, const StepConfig& step);
  Result<CanaryLook> Advance(Canary canary, const StepConfig& step);
  Result<ExperimentResults> Judge(const Canary& canary, const StepConfig& step);
  Result<CanaryCalibration::Arms> Calibrate();  // After Judge.
  Status End(Canary canary, const std::string& verdict, const std::string& reason);

  ServiceState& s_;
  Mutex mutex_;
  std::unique_ptr<ExperimentPass> pass_;
  std::optional<CanaryCalibration> calibration_;  // With pass_; none: nothing is known of it.
  std::string pass_run_;
};

}  // namespace gfr
