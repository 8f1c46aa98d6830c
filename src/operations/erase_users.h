// Erasing people from a project: their records in the log become anonymised records that name nobody
// (log/erase_user.h), the lake's files of those segments are made anew, their rows go out of Parquet files in the
// project's folder (offline feature values, exported datasets: those with a column "user" of 64-bit keys), and the
// server's snapshot, kept old logs and what `gfr log repair` cut go. Models, their reports and what lies outside the
// folder (an online Redis, copies, exports) stay. In docs/erasure.md.
//
// First the erased keys are written to data/erased: from then on older events of them are not imported. Each step can
// be cut off; running it again does the rest. REQUIRES: no server runs (kUnavailable).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "feature/feature_set.h"
#include "log/erase_user.h"
#include "workspace/workspace.h"

namespace gfr {

struct EraseOptions {
  std::string user;      // Whom.
  bool deleted = false;  // Or all that a user.delete in the log names, up to it.
  bool dry_run = false;  // Only counts.
};

struct EraseReport {
  std::vector<ErasedPerson> people;
  ErasedRecords log;
  std::vector<std::string> lake_files;                // Made anew, or without a row now.
  std::map<std::string, std::uint64_t> offline_rows;  // By Parquet file.
  std::vector<std::string> removed;                   // Other files and folders that went whole.
  bool found() const { return log.records > 0 || !offline_rows.empty(); }
};

// `features` say what an anonymised record keeps.
Result<EraseReport> EraseUsers(const Workspace& workspace, std::shared_ptr<const FeatureSet> features,
                               const EraseOptions& options);

}  // namespace gfr
