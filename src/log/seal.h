// Sealing: closed segments of the log become Parquet files of the lake, by date of arrival. docs/formats/lake.md.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/local_log.h"

namespace gfr {

// What decides how many files a date has.
struct LakeSizes {
  std::uint64_t small_bytes = 32u << 20;   // Neighbours smaller than this become one file once their date is over,
  std::uint64_t large_bytes = 256u << 20;  // of at most so many bytes.
};

// Exports what the lake has not of every segment but the last, then merges small files of dates that are over; gives
// how many segments were exported. While somebody holds the rewrite lock (rewrite_lock.h) nothing is merged. Safe to
// run again after a crash, and beside a writer. `threads`: how many segments at once; each takes about 150 MB.
Result<int> SealSegments(LocalLog& log, const std::string& lake_folder, int threads = 1, const LakeSizes& sizes = {});

// Takes the records of a segment ("00000000000000000042.log") out of the lake, so that it is sealed again; gives the
// paths of the files that had some. What else they have is kept in files of its own. A dry run only lists them.
// REQUIRES: the segment is in the log, and closed.
Result<std::vector<std::string>> UnsealSegment(LocalLog& log, const std::string& lake_folder,
                                               const std::string& segment, bool dry_run);

}  // namespace gfr
