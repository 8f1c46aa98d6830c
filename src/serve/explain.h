// Explain: what lies behind a served feed, from its feed.request in the log. Thread safety: pure functions.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "bound/bound_model.h"
#include "dataset/replay_slate.h"
#include "project/project.h"

namespace gfr {

// Whether the record keeps features and scores of every candidate.
bool IsComplete(const LogRecord& record);

// The event with every candidate: channel, position, propensity, and where the record keeps them scores, and features
// that are of the definitions in use. "complete": IsComplete. With `model`, the one that ranked, bound to `features`:
// of each candidate whose features are kept the largest terms of its scores (score_terms.h), in the order of positions,
// for so many as kTermOperations allows; "terms" says of how many, and else why there are none.
std::string ExplainJson(const LogRecord& record, const FeatureSet& features, const BoundModel* model = nullptr);
// What terms may cost: below a second of one core, about.
inline constexpr double kTermOperations = 1e8;
// The version that ranked, "7"; empty: none did.
std::string VersionOf(const LogRecord& record);
// It, of the registry, bound to the project's features; null when it is gone, or does not fit them.
std::shared_ptr<const BoundModel> LoadModelOf(const Project& project, const LogRecord& record);

// The same with the features of every candidate, replayed from the log where the record does not keep them, and their
// scores and their terms, if the model's version is still there. "replayed" says from where, and which features came
// out otherwise than they were served. Reads the log up to the request: minutes, of a long one. Errors: those of
// ReplaySlate.
Result<std::string> ExplainAll(const Project& project, const LogRecord& record, const std::stop_token& stop = {});

// Looks for the request in the log; also beside a running server. kNotFound when it is not there.
Result<LogRecord> FindRequest(const Project& project, const std::string& request_id);

}  // namespace gfr
