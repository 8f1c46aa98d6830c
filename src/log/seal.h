// Sealing: closed segments of the log become Parquet files of the lake, by date and hour of arrival.
// docs/formats/lake.md.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/local_log.h"

namespace gfr {

// Seals every segment but the last that is not sealed yet; gives how many. Safe to run again after a crash, and beside
// a writer. `threads`: how many segments at once; each takes about 150 MB.
Result<int> SealSegments(LocalLog& log, const std::string& lake_folder, int threads = 1);

// Takes the Parquet files of a segment ("00000000000000000042.log") out of the lake, so that it is sealed again; gives
// their paths. A dry run only lists them.
Result<std::vector<std::string>> UnsealSegment(FileSystem& fs, const std::string& lake_folder,
                                               const std::string& segment, bool dry_run);

}  // namespace gfr
