// RefillLog: a log made of another source's records: the lake's, on a machine that has no log yet.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "log/event_source.h"

namespace gfr {

// Writes all records of `from` to new segments of `folder`, at the same offsets, arrivals and bytes; gives how many.
// All of them are closed. REQUIRES: nobody reads the folder, and it has no segment; after an error it is of no use.
// kInvalidArgument: the first records are missing.
Result<std::uint64_t> RefillLog(EventSource& from, FileSystem& fs, const std::string& folder);

}  // namespace gfr
