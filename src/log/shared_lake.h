// The lake in an object store (a folder, or S3): pushed by the machine that has the log, fetched by others.
//
//   events/_log.json                      which log the lake is of: an id that never changes
//   events/date=YYYY-MM-DD/_commit.json   the commit marker: as the local one, with size and SHA-256 of each file
//   events/date=YYYY-MM-DD/FIRST-END-HASH.parquet
// A file's name has a part of its hash, so that no object ever changes; the marker is replaced as a whole once all its
// files are there. Beside the local marker, _pushed.json has the text of the one in the store: what it says is not
// read or sent again. docs/formats/lake.md. Files are sent and fetched as a whole, in memory: 256 MiB at most.
//
// Thread safety: one call a lake folder at a time. One machine pushes a lake; others may fetch meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "log/lake_files.h"
#include "object/object_store.h"

namespace gfr {

constexpr const char* kSharedLakeFolder = "events";  // Of the object store.

struct LakeCopied {
  std::uint64_t dates = 0, files = 0, bytes = 0;  // What was sent or fetched; what was there already does not count.
};

// Sends what the store has not, and removes what the local lake has replaced there (an erasure, a merge).
// kInvalidArgument: the store holds the lake of another log, or events that this one has not. kUnavailable: the store
// does not answer; what was sent stays, and the next call goes on.
Result<LakeCopied> PushLake(FileSystem& fs, const std::string& lake_folder, ObjectStore& store);

// Makes the folder what the store has; files that are here already are not read again. An empty store gives an empty
// lake. REQUIRES: no log is exported to the folder. kCorrupt: a file is not what its marker says. kNeedsNewer: a newer
// gfr wrote it.
Result<LakeCopied> FetchLake(FileSystem& fs, const std::string& lake_folder, ObjectStore& store);

// The next push reads the date's files again: of one whose content is about to change.
Status ForgetPushed(FileSystem& fs, const std::string& lake_folder, const LakeDate& date);

}  // namespace gfr
