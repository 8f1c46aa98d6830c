// Kept snapshots: states of past days beside the server's own snapshot, so that a slate of last week is replayed from
// the day before it and not from the start of the log.
//
// A folder with one file a day, named by the UTC date of the last record that it has. It is the first snapshot that the
// server saved on that day. A file appears whole or not at all. A snapshot of other definitions, or of a log that was
// rewritten behind it, is of no use: whoever rewrites the log removes those (RemoveKeptSnapshots).
// Thread safety: one caller of KeepSnapshot and RemoveKeptSnapshots at a time; ListKeptSnapshots beside them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/snapshot.h"

namespace gfr {

// Paths, newest first; none of a folder that does not exist.
Result<std::vector<std::string>> ListKeptSnapshots(FileSystem& fs, const std::string& folder);

// Writes `snapshot` if none of its day is there, and removes the oldest beyond `count`. 0 removes all.
Status KeepSnapshot(FileSystem& fs, const std::string& folder, std::size_t count, const Snapshot& snapshot);

// Those that have a record at or behind `from_offset`, and those that cannot be read, are removed; returns the paths.
// `dry_run`: only returns them.
Result<std::vector<std::string>> RemoveKeptSnapshots(FileSystem& fs, const std::string& folder,
                                                     std::uint64_t from_offset, bool dry_run = false);

}  // namespace gfr
