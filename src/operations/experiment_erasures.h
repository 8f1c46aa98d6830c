// What erasures took from experiments: how many exposed units left, by arm, and what changed in the effects.
//
// `gfr erase` analyses the log before and after, and appends the difference to data/experiments/erasures.json (a list
// of {"at", "experiments"}, which names nobody). Reports have it by experiment as "erasures", since days' reports from
// before count units that are gone. Thread safety: one writer; pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "operations/experiment_results.h"

namespace gfr {

// A list, of experiments that lost units: {"experiment", "users_left": {ARM: n}, "decision": [before, after],
// "effects": [{"metric", "arm", "relative": [before, after]}]}. Numbers that do not exist are null.
nlohmann::ordered_json ErasureOf(const ExperimentReport& before, const ExperimentReport& after,
                                 const std::vector<MetricConfig>& metrics);
// Appends `of` (from ErasureOf) to `path`; nothing where it is empty.
Status RecordErasure(FileSystem& fs, const std::string& path, const nlohmann::ordered_json& of, std::int64_t now_ms);
// Gives each experiment of `report` (ExperimentPass::Json) its erasures, oldest first. kCorrupt: `path` is none.
Status AddErasures(FileSystem& fs, const std::string& path, nlohmann::ordered_json* report);

}  // namespace gfr
