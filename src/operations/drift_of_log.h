// DriftOfLog: what moved in a range of the log, against a model version's training or against another range.
//
// The log is replayed (as `gfr evaluate` does), so any log can be judged: imported ones, and times before the version.
// Columns are matched by fingerprint; one that gfr.toml no longer has is refused by name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "feed/feed_config.h"
#include "monitor/drift_report.h"
#include "monitor/monitor_config.h"
#include "object/object_store.h"
#include "operations/make_dataset.h"

namespace gfr {

struct DriftSettings {
  DatasetSettings dataset;
  std::shared_ptr<ObjectStore> registry;
  DriftOptions options;
  // Whose value formula says what a label is worth; null: ranking value before labels is left out.
  const FeedConfig* feed = nullptr;
};

struct DriftQuestion {
  std::int64_t from_ms = INT64_MIN;  // Left so: from where the reference ends.
  std::int64_t to_ms = INT64_MAX;    // Left so: to the log's end.
  std::string version;               // Of the model; empty: the champion.
  // In place of the version's training: the rows of this range.
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
};

// [monitor] as gfr.toml has it now. kInvalidArgument names the key.
Result<MonitorConfig> ReadMonitorConfig(const Workspace& workspace);

// kNotFound: there is no such version, or it keeps no reference. kInvalidArgument: there are no rows in the range.
Result<DriftReport> DriftOfLog(const Workspace& workspace, const DriftSettings& settings,
                               const DriftQuestion& question);

// "A..B" of two times; nothing: it is no range. kInvalidArgument: one of them is no time.
Result<std::optional<std::pair<std::int64_t, std::int64_t>>> ParseTimeRange(const std::string& text);

}  // namespace gfr
