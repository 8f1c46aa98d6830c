// ModelActions: what the steps of a pipeline do.
//
// retrain, recalibrate, index, evaluate and the judging of gate and promote run as children of this process, by the gfr
// program itself: niced, with a limit on their memory and an environment of few variables; they end with this process.
// Each may be begun twice: a training that a kill ended after its version was registered is found by its lineage
// ("run"), and an alias that is set already stays. Thread safety: any thread; one step of a target at a time.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "automation/pipeline.h"
#include "automation/scale_bounds.h"
#include "experiment/canary.h"
#include "registry/registry.h"
#include "runtime/subprocess.h"

namespace gfr {

// How a run's canary stands, after it was begun or looked at.
struct CanaryLook {
  enum class State { kWaits, kRuns, kPassed, kEnded };  // Waits: another run has one. Ended: it is not to be promoted.
  State state = State::kRuns;
  std::string why;
  std::int64_t next_ms = 0;  // When to look again; of kWaits and kRuns.
  double share = 0;          // Of the units, that get the candidate.
  double units = 0;          // That got it.
  double clicks = 0;         // Relative change of clicks per impression; NaN: not known yet.
  double observed_over_expected = std::numeric_limits<double>::quiet_NaN();  // Of the candidate's clicks; NaN likewise.
};

struct ModelActionOptions {
  std::string program;  // The gfr program.
  std::string project_folder;
  std::shared_ptr<ObjectStore> registry;
  const Clock* clock = nullptr;
  std::function<void()> changed = {};    // An alias is another one: a server looks at once.
  SubprocessRunner run = RunSubprocess;  // Children: of gfr, and programs of `run` steps.
  // Whether a server has the version loaded as its shadow; empty: there is no server, and shadow does nothing.
  std::function<Status(const std::string& version)> is_shadow = {};
  // Begins the canary, or goes on with that of the same run; the ramp's steps take `step.for_ms` each. `begun`: the
  // step has begun it before. Empty: there is no server.
  std::function<Result<CanaryLook>(const Canary& canary, const StepConfig& step, bool begun)> canary = {};
  // Asks for other bounds of the servers' number. Empty: nobody here has several servers.
  std::function<Status(const ScaleBounds& bounds)> scale = {};
};

class ModelActions {
 public:
  explicit ModelActions(ModelActionOptions options) : options_(std::move(options)) {}

  Result<StepOutcome> operator()(StepContext& context) const;
  // What a step would run, for a dry run: "gfr train --project shop --json --run ...".
  std::string Describe(const RunRecord& run, const TriggerConfig& trigger, std::size_t step) const;

 private:
  Result<StepOutcome> Train(StepContext& context) const;
  Result<StepOutcome> Evaluate(StepContext& context) const;
  Result<StepOutcome> Gate(StepContext& context) const;
  Result<StepOutcome> Promote(StepContext& context) const;
  // What the gates say of the version against the champion.
  Result<StepOutcome> Judge(StepContext& context, const std::string& version) const;
  Result<StepOutcome> Shadow(StepContext& context) const;
  Result<StepOutcome> RunCanary(StepContext& context) const;
  Result<StepOutcome> RollBack(StepContext& context) const;
  Result<StepOutcome> Webhook(StepContext& context) const;
  Result<StepOutcome> Run(StepContext& context) const;
  Result<StepOutcome> Scale(StepContext& context) const;
  // Of a run that ends while the step is under way: what it took is given back.
  Result<StepOutcome> TakeBack(StepContext& context) const;
  // The alias shadow becomes what it was before the step, if it is the step's.
  Status EndShadow(StepContext& context, const std::string& version) const;
  // The child's JSON. kInvalidArgument: it ended with 2; kUnavailable: with another code, by a signal, or not in time.
  Result<std::string> RunChild(StepContext& context, const std::vector<std::string>& arguments) const;

  const ModelActionOptions options_;
};

// The program that runs now, by its path; of one that was replaced by a newer one, the newer.
std::string OwnProgram();

// The arguments of gfr that a step runs; empty: it runs no child.
std::vector<std::string> ChildArguments(const StepConfig& step, const std::string& project_folder,
                                        const std::string& version, const std::string& lineage);

}  // namespace gfr
