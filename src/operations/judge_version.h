// JudgeVersion: how a candidate version did beside the champion, on rows that neither has learnt from: what the gates
// decide by (automation/gate.h).
//
// Both are judged as they were before their refit on all rows, which each version keeps (before_refit.*). The rows are
// those of the candidate's test part that are newer than the newest label of either. A version without that part (an
// older one, a recalibrated one) is judged as it is, on rows newer than all that it learnt from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metric/paired_log_loss.h"
#include "object/object_store.h"
#include "operations/make_dataset.h"

namespace gfr {

struct JudgeSettings {
  DatasetSettings dataset;
  std::shared_ptr<ObjectStore> registry;
};

struct Judgement {
  struct Objective {
    std::string name;
    std::int64_t from_ms = 0, to_ms = 0;  // The rows, by arrival.
    PairedLogLoss paired;
  };
  std::string candidate, champion;
  // Empty objectives: `why_none` says why they cannot be compared (no champion, no rows, a column that is gone).
  std::vector<Objective> objectives;  // In the configuration's order.
  std::string why_none;
  std::vector<std::string> lost;  // Objectives that the champion has and the candidate has not.
  bool before_refit = false;      // Both were judged so.
  // Both were trained by one configuration of features, objectives, [split], [train] and [dataset].
  bool equal_configuration = false;
  std::string configuration_why;
  double slowdown = 1;  // Time to score the same rows, the served forests': candidate over champion, least of rounds.
};

// An empty champion is the registry's. kNotFound: there is no such version. kInvalidArgument: the versions are one.
Result<Judgement> JudgeVersion(const Workspace& workspace, const JudgeSettings& settings, const std::string& candidate,
                               const std::string& champion = "", const DatasetOptions& options = {});
std::string JudgementJson(const Judgement& judgement);  // docs/automation.md has its keys.

}  // namespace gfr
