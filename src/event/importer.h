// Importers: an outside log to events. A row that cannot be read is reported by file and line, and the rest goes on.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/event.h"
#include "event/event_rules.h"

namespace gfr {

struct ImportReport {
  struct Warning {
    std::uint64_t rows = 0;
    std::string first;  // "file:line" of the first, and what stands there.
  };
  std::uint64_t rows = 0, events = 0, rejected = 0;
  std::uint64_t repeated_rows = 0;      // Rows with the id and the content of a row before: taken once.
  std::vector<std::string> rejections;  // The first 20: "file:line: why".
  std::set<std::string> mapped_columns, unmapped_columns;  // csv and parquet.
  std::map<std::string, std::uint64_t> unmapped;           // Rows by a type value that the map does not name.
  std::map<std::string, Warning> warnings;                 // Of rows that were read, by what is odd about them.
  std::string currency;                                    // The log's, where gfr.toml declares none.
  std::vector<std::string> skipped_files;                  // "b.csv holds the bytes of a.csv".

  void Reject(const std::string& file, std::uint64_t line, const std::string& why) {
    ++rejected;
    if (rejections.size() < 20) rejections.push_back(file + ":" + std::to_string(line) + ": " + why);
  }
  void Warn(const std::string& what, const std::string& example, const std::string& file, std::uint64_t line) {
    Warning& warning = warnings[what];
    if (warning.rows++ == 0)
      warning.first = file + ":" + std::to_string(line) + (example.empty() ? "" : ", '" + example.substr(0, 60) + "'");
  }
};

// What all importers keep to.
struct ImportSettings {
  EventRules rules;
  std::int64_t now_ms = INT64_MAX;  // Rows from more than 5 minutes later are rejected.
};

using ImportSink = std::function<Status(Event&&)>;

// Whether an event may be taken: else it is rejected by line, as it breaks the rules or is of the future. Warns of what
// is odd about it. Asking twice changes nothing.
bool Admit(const ImportSettings& settings, const std::string& file, std::uint64_t line, Event* event,
           ImportReport* report);
// Admits the event and hands it on. The Status is the sink's.
Status TakeEvent(const ImportSettings& settings, const std::string& file, std::uint64_t line, Event&& event,
                 const ImportSink& sink, ImportReport* report);

// Rows without an id of their own get one by their content, and of equal rows the second gets another one. So the same
// row imported again, in a file of any name, is the same event.
std::string InventedId(std::uint64_t row_hash);  // "row-0123456789abcdef"
bool IsInventedId(std::string_view id);
// Numbers the events of one import that have equal invented ids. REQUIRES: events in order of arrival. Memory: at most
// 32 bytes an event of one instant.
class InventedIds {
 public:
  void Number(std::int64_t arrival_ms, Event* event);

 private:
  bool Insert(Key id);  // False: it is there.

  std::int64_t at_ms_ = INT64_MIN;
  std::vector<Key> ids_;  // Of this instant: open addressing, 0 is an empty place; a power of two, at most half full.
  std::size_t count_ = 0;
  std::unordered_map<Key, std::uint32_t> again_;  // Ids that came again: how often.
};

// RecSys Challenge 2019 (trivago): a clickout row is a feed.request and feed.impression of its slate and a feed.click;
// every other action on an item is an item.view with its kind; searches are search, filters and sort changes are
// filter.
Status ImportTrivago(const std::string& file, const ImportSettings& settings, const ImportSink& sink,
                     ImportReport* report);

// The native JSON of POST /v1/events, one event a line.
Status ImportNdjson(const std::string& file, const ImportSettings& settings, const ImportSink& sink,
                    ImportReport* report);

}  // namespace gfr
