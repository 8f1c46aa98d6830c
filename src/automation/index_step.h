// IndexStep: what the step `index` of a pipeline does: a new version of embeddings, or of a first stage, made by a
// child process, and made the champion.
//
// The child registers the version and no more. Whether it becomes the champion is decided here, so that a step that is
// begun anew after a kill finds the version by its lineage ("run") and goes on with it. Thread safety: any thread; one
// step of a target at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "automation/pipeline.h"
#include "registry/registry.h"

namespace gfr {

// "index train --hold --run ..." without the flags of every command.
std::vector<std::string> IndexArguments(const StepConfig& step, const std::string& lineage);

// Runs gfr with these arguments, and gives its JSON.
using RunGfr = std::function<Result<std::string>(const std::vector<std::string>& arguments)>;

// Ends the run as stopped: while there is nothing to make it from (no events, no model), and when the version has fewer
// items than `min_items`, finds less than `min_recall`, or another one became the champion meanwhile. Errors: `run`'s
// and the registry's.
Result<StepOutcome> MakeIndexStep(StepContext& context, const std::shared_ptr<ObjectStore>& registry,
                                  const Clock& clock, const std::string& lineage,
                                  const std::vector<std::string>& arguments, const RunGfr& run);

}  // namespace gfr
