// Importers: an outside log to events. A malformed row is reported by file and line, and the rest goes on.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "event/event.h"

namespace gfr {

struct ImportReport {
  std::uint64_t rows = 0, events = 0, rejected = 0;
  std::vector<std::string> rejections;  // The first 20: "file:line: why".
  std::uint64_t clicks = 0, clicks_in_slate = 0;
  std::set<std::string> mapped_columns, unmapped_columns;  // csv and parquet.
  std::map<std::string, std::uint64_t> unmapped;           // Rows by a type value that the map does not name.

  void Reject(const std::string& file, std::uint64_t line, const std::string& why) {
    ++rejected;
    if (rejections.size() < 20) rejections.push_back(file + ":" + std::to_string(line) + ": " + why);
  }
};

using ImportSink = std::function<Status(Event&&)>;

// RecSys Challenge 2019 (trivago): a clickout row is a feed.request and feed.impression of its slate and a feed.click;
// every other action on an item is an item.view with its kind; searches are search, filters and sort changes are
// filter.
Result<ImportReport> ImportTrivago(const std::vector<std::string>& files, const ImportSink& sink);

// The native JSON of POST /v1/events, one event a line.
Result<ImportReport> ImportNdjson(const std::vector<std::string>& files, const ImportSink& sink);

// One record of RFC 4180 CSV that lies on one line. False: a quote is not closed, or text follows a closing one.
bool SplitCsv(std::string_view line, std::vector<std::string>* cells);

}  // namespace gfr
