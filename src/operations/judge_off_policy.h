// JudgeWithOffPolicy: JudgeVersion, and what the candidate would have earned over the champion at the places that the
// server drew by chance, from the same replay.
//
// Thread safety: as JudgeVersion.
#pragma once

#include <string>

#include "evaluate/compare_off_policy.h"
#include "operations/judge_version.h"

namespace gfr {

struct JudgedWithOffPolicy {
  Judgement judgement;
  // Of the draws that neither version has learnt from; its refusal says so where there are none.
  ComparedOffPolicy off_policy;
};

// Errors: as JudgeVersion.
Result<JudgedWithOffPolicy> JudgeWithOffPolicy(const Workspace& workspace, const JudgeSettings& settings,
                                               const std::string& candidate, const std::string& champion = "",
                                               const DatasetOptions& options = {});
std::string OffPolicyJson(const ComparedOffPolicy& off_policy);  // docs/automation.md has its keys.

}  // namespace gfr
