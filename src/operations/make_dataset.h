// Dataset: the project's log replayed to rows with labels, in memory or as Parquet.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "workspace/workspace.h"

namespace gfr {

// What rows are made of.
struct DatasetSettings {
  std::shared_ptr<const FeatureSet> features;
  std::vector<ObjectiveConfig> objectives;
  LeaveOutConfig leave_out = {};  // Instead of what DatasetOptions says.
  bool from_lake = false;         // Of the lake's records instead of the log's (log/lake_log.h).
  // Rows of all times take what the last replay read, and keep what this one does (dataset/kept_rows.h). The rows are
  // the same.
  bool incremental = false;
};

// What is said of a log without events.
inline Error LogIsEmpty() {
  return {ErrorCode::kInvalidArgument, "the log is empty; `gfr import` or `gfr simulate` fills it"};
}

// Errors: as BuildDataset (dataset/dataset.h).
Result<Dataset> MakeDataset(const Workspace& workspace, const DatasetSettings& settings,
                            const DatasetOptions& options = {});

struct ExportedDataset {
  struct Objective {
    std::string name;
    std::uint64_t rows, positives;
  };
  std::uint64_t events = 0, slates = 0;
  std::size_t columns = 0;
  std::vector<Objective> objectives;
};

// The same rows as FOLDER/NAME.parquet of each objective with a datasheet (dataset/export_dataset.h), streamed within
// the memory of a batch. An empty `folder` only counts them.
Result<ExportedDataset> ExportDataset(const Workspace& workspace, const DatasetSettings& settings,
                                      const DatasetOptions& options, const std::string& folder);

}  // namespace gfr
