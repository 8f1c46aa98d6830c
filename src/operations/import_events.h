// Import: files of another system become events at the end of the project's log, or in a log made anew.
//
// Events are ordered by arrival over all files (event/arrival_order.h), sorted on disk within `memory_bytes`. The log's
// segments are exported to the lake at the end. Events of erased users from before their erasure are not taken. Nothing
// is written when no row becomes an event. Errors: kUnavailable when a server or another import has the log.
// docs/importing.md describes the formats.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "event/importer.h"
#include "operations/import_files.h"
#include "workspace/workspace.h"

namespace gfr {

struct Imported {
  ImportReport report;
  std::map<std::string, std::uint64_t> by_type;  // Events of the files.
  std::uint64_t clicks = 0, clicks_in_slate = 0;
  bool clicks_are_sample = false;  // clicks_in_slate is projected.
  std::uint64_t duplicates = 0, log_events = 0;
  std::int64_t last_arrival_ms = INT64_MIN;  // Of the log; INT64_MIN: nothing was written.
  std::uint64_t erased = 0;  // Events of erased users from before their erasure, which were not taken.
};

struct EventImportOptions {
  std::vector<ImportInput> inputs;
  EventRules rules;
  bool dry_run = false;  // Only reads, and shows what would be in the log to `sees`.
  std::function<void(const LogRecord&)> sees = {};
  bool rebuild = false;  // Makes the log anew from what it holds and the files, in order of arrival.
  std::size_t memory_bytes = 512u << 20;
};

// kInvalidArgument when the files begin before the log ends, unless it is rebuilt.
Result<Imported> ImportEvents(const Workspace& workspace, const EventImportOptions& options);

// Appends events of any order in order of event time, and exports the closed segments to the lake; adds to `imported`
// how many were duplicates. kInvalidArgument when they begin before the log ends.
Status AppendHistory(const Workspace& workspace, std::vector<Event> events, Imported* imported);

}  // namespace gfr
