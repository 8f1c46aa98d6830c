// Recovery of the last segment of a log, which a crash may have left half written. docs/formats/log.md, "Recovery".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/event_log.h"
#include "log/segment_writer.h"

namespace gfr {

struct RecoveredEnd {
  std::vector<std::string> segments;      // Names, those that are left.
  std::uint64_t end_offset = 0;           // Behind the last record. Of a last segment of format 1: not known yet.
  std::unique_ptr<SegmentWriter> writer;  // Goes on in the last segment; null: a new one is to be made.
  LogRecovery recovery;
};

// Cuts a torn end of the last segment of `folder` and keeps it beside. What is left is on disk when it returns. Errors:
// kCorrupt, what is bad is not a torn end; nothing was changed then.
Result<RecoveredEnd> RecoverEnd(FileSystem& fs, const std::string& folder);

}  // namespace gfr
