// What the users of an interleaving preferred, by the project's log.
#pragma once

#include "base/result.h"
#include "experiment/experiments.h"
#include "experiment/interleaving_credits.h"
#include "workspace/workspace.h"

namespace gfr {

struct LoggedCredits {
  InterleavingCredits credits;
  std::int64_t last_arrival_ms = 0;  // Of the log.
};

// One pass over the whole log. REQUIRES: an experiment that interleaves. Fails as the log's reader does.
Result<LoggedCredits> ReadInterleavingCredits(const Workspace& workspace, const Experiment& experiment);

}  // namespace gfr
