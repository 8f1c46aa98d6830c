// Checks of a project's log: is every record good, and are the values that servers logged those of a replay? And the
// states that a replay ends with.
#pragma once

#include <memory>

#include "dataset/verify_served.h"
#include "log/event_log.h"
#include "state/online_store.h"
#include "workspace/workspace.h"

namespace gfr {

// Reads the whole log. With `repair`, it is cut behind its last good record; the rest is kept beside it, and the
// server's snapshot goes, because it may hold what was cut. kUnavailable when a server has the log.
Result<LogCheck> CheckProjectLog(const Workspace& workspace, bool repair);

// Compares the served feature values of every logged request with those of a replay, bit for bit.
Result<ServedCheck> VerifyServedValues(const Workspace& workspace, std::shared_ptr<const FeatureSet> features);

// The states of all features, folded from what arrived before `until_ms`.
Result<std::unique_ptr<OnlineStore>> FoldLog(const Workspace& workspace, std::shared_ptr<const FeatureSet> features,
                                             std::int64_t until_ms = INT64_MAX);

}  // namespace gfr
