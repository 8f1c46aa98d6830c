// Pipeline: brings one run on, step by step, as far as it goes now.
//
// A step's state is written before it begins and after it has ended, so that a kill at any moment leaves a run that
// goes on: what was done stays done, and the step that was under way is begun anew. Actions publish their outputs
// atomically and may be begun twice. A failed step is tried again after the trigger's back-off; a wrong input
// (kInvalidArgument) is not. Thread safety: one thread a run.
#pragma once

#include <functional>
#include <stop_token>

#include "automation/run_record.h"
#include "automation/trigger_config.h"
#include "base/clock.h"

namespace gfr {

struct StepContext {
  const RunRecord& run;
  const TriggerConfig& trigger;
  const StepConfig& config;
  StepRecord& record;  // What it puts into `inputs` is kept by `save`.
  std::function<Status()> save;
  std::int64_t deadline_ms = 0;  // Of MonotonicMs(): of the step, and never behind that of the run.
  std::stop_token stop = {};
  // The run ends while the step is under way: it is only to give back what it took. Its outcome is not looked at.
  bool ends = false;
  // The newest output of that name that is a text; empty: there is none.
  std::string Text(const std::string& output) const;
};

struct StepOutcome {
  StepValues outputs = {};
  std::int64_t wait_until_ms = 0;  // Time of day: the step is not done, and is to be called again then.
  bool stops = false;              // Done, and so is the run: a gate refuses.
  std::string why = {};
};

// kInvalidArgument is not tried again.
using StepActions = std::function<Result<StepOutcome>(StepContext&)>;

// Without having ended or failed: a step that ends its server each time does not do so for ever.
inline constexpr int kMostBegun = 20;

RunRecord NewRun(const TriggerConfig& trigger, const std::string& by, const std::string& reason, std::int64_t at_ms,
                 std::uint64_t project_fingerprint);
// Gives an error only when the record cannot be written (then nothing was begun, or what was begun is begun anew), or
// when a step of a run whose time is over cannot give back what it took: the run is not over before.
Status AdvanceRun(RunRecord* run, const TriggerConfig& trigger, RunStore& store, const StepActions& actions,
                  const Clock& clock, const std::stop_token& stop = {});
// When it is worth to call AdvanceRun again; 0: at once.
std::int64_t NextOf(const RunRecord& run);

// Whether the run began, by its record, in the future; AdvanceRun then takes it that it began now.
bool BeganInTheFuture(const RunRecord& run, std::int64_t now_ms);

}  // namespace gfr
