// Import: files of another system become events at the end of the project's log, or in a log made anew.
//
// The log's segments are exported to the lake at the end. Events of erased users from before their erasure are not
// taken. Errors: kUnavailable when a server or another import has the log. docs/importing.md describes the formats.
#pragma once

#include <string>
#include <vector>

#include "event/importer.h"
#include "workspace/workspace.h"

namespace gfr {

struct Imported {
  ImportReport report;
  std::uint64_t duplicates = 0, log_events = 0;
  std::uint64_t erased = 0;  // Events of erased users from before their erasure, which were not taken.
};

struct EventImportOptions {
  std::string format;  // trivago, ndjson, csv or parquet.
  std::vector<std::string> files;
  std::string map;       // csv and parquet: the map's path.
  bool dry_run = false;  // Only reads.
  bool rebuild = false;  // Makes the log anew from what it holds and the files, in order of event time.
};

// kInvalidArgument when the files begin before the log ends, unless it is rebuilt.
Result<Imported> ImportEvents(const Workspace& workspace, const EventImportOptions& options);

// Appends events of any order in order of event time, and exports the closed segments to the lake; adds to `imported`
// how many were duplicates. kInvalidArgument when they begin before the log ends.
Status AppendHistory(const Workspace& workspace, std::vector<Event> events, Imported* imported);

}  // namespace gfr
