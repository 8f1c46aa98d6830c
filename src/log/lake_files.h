// The files of the lake: closed segments of the log as Parquet, by date of arrival (docs/formats/lake.md).
//
// A file counts once the commit marker of its date names it: a file without is of an export that was cut off, and is
// written again. Files of one date do not overlap. Thread safety: pure functions over files; one writer of a date.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/offset_range.h"

namespace gfr {

constexpr const char* kLakeDatePrefix = "date=";     // Of a folder of a date,
constexpr const char* kLakeMarker = "_commit.json";  // and the commit marker in it.

struct LakeFile {
  std::uint64_t first = 0, end = 0;  // Offsets: its records are those of [first, end) that arrived on its date.
  std::string name() const;          // "00000000000000000000-00000000000000001234.parquet"
};

struct LakeDate {
  std::string date;             // "2026-01-31", UTC.
  bool is_complete = false;     // Later dates are here, and none of its records is missing.
  std::vector<LakeFile> files;  // By offset.

  std::string folder(const std::string& lake_folder) const;
  std::string path(const std::string& lake_folder, const LakeFile& file) const;
};

// The committed dates, in order. Errors: kCorrupt, a marker is not what was written.
Result<std::vector<LakeDate>> ReadLake(FileSystem& fs, const std::string& lake_folder);

// Publishes the marker of a date: from then on its files are these. A date without files loses its marker.
Status CommitDate(FileSystem& fs, const std::string& lake_folder, const LakeDate& date);

// What of `range` no committed file has, in order.
std::vector<OffsetRange> MissingIn(const std::vector<LakeDate>& lake, const OffsetRange& range);

}  // namespace gfr
