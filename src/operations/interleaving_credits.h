// What the users of an interleaving preferred, by the project's log.
#pragma once

#include "base/result.h"
#include "dataset/dataset.h"
#include "event/alias.h"
#include "experiment/experiments.h"
#include "experiment/interleaving_credits.h"
#include "log/event_source.h"
#include "workspace/workspace.h"

namespace gfr {

struct LoggedCredits {
  InterleavingCredits credits;
  std::int64_t last_arrival_ms = 0;  // Of the log.
};

// One pass over the whole log, and where `leave_out` names any, one before that finds them: they are left out whole.
// `rule`: whose a device is. REQUIRES: an experiment that interleaves. Fails as the log's reader does.
Result<LoggedCredits> ReadInterleavingCredits(const Workspace& workspace, const Experiment& experiment,
                                              const LeaveOutConfig& leave_out, const AliasRule& rule);
Result<LoggedCredits> ReadInterleavingCredits(EventSource& log, const Experiment& experiment,
                                              const LeaveOutConfig& leave_out, const AliasRule& rule);

}  // namespace gfr
