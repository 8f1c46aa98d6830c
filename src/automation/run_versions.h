// The model versions that runs which are not over have made or judge: garbage collection leaves them.
#pragma once

#include <set>
#include <string>

#include "automation/run_record.h"

namespace gfr {

// Errors: the store's, and kCorrupt where a record cannot be read: then nothing is to be removed.
inline Result<std::set<std::string>> VersionsOfUnfinishedRuns(RunStore& store) {
  std::set<std::string> versions;
  GFR_ASSIGN(const auto ids, store.Ids());
  for (const std::string& id : ids) {
    const auto loaded = store.Load(id);
    if (!loaded.ok() && loaded.error().code == ErrorCode::kNotFound) continue;  // Pruned since: it was over.
    if (!loaded.ok()) return loaded.error();
    const RunRecord& run = loaded.value();
    if (run.over()) continue;
    for (const StepRecord& step : run.steps) {
      for (const StepValues* values : {&step.inputs, &step.outputs}) {
        for (const char* name : {"version", "champion"}) {
          const auto at = values->find(name);
          if (at != values->end() && std::holds_alternative<std::string>(at->second))
            versions.insert(std::get<std::string>(at->second));
        }
      }
    }
  }
  return versions;
}

}  // namespace gfr
