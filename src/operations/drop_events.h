// Dropping events from a project's log (log/drop_records.h), and from all that was made of them.
#pragma once

#include <string>
#include <vector>

#include "log/drop_records.h"
#include "workspace/workspace.h"

namespace gfr {

struct DropReport {
  DroppedRecords log;
  std::vector<std::string> lake_files;  // Exports of the segments that change; they are made anew.
  std::vector<std::string> removed;     // The server's snapshot, dates of the offline feature store.
};

// Rewrites the log, exports the changed segments anew, and removes the snapshot and all offline values from the day of
// the first change on: a start replays the log, `gfr features materialize` makes the values. Segments that a repair
// cut off stay. A dry run only reports. kUnavailable when a server or an import has the log.
Result<DropReport> DropEvents(const Workspace& workspace, const DropCriteria& criteria, bool dry_run);

}  // namespace gfr
