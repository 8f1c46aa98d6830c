// Explain: what lies behind a served feed, from its feed.request in the log. Thread safety: pure functions.
#pragma once

#include <string>

#include "project/project.h"

namespace gfr {

// The event with every candidate: channel, position, scores, propensity, and its features when they are of the
// definitions in use.
std::string ExplainJson(const LogRecord& record, const FeatureSet& features);

// Looks for the request in the log; also beside a running server. kNotFound when it is not there.
Result<LogRecord> FindRequest(const Project& project, const std::string& request_id);

}  // namespace gfr
