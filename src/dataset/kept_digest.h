// KeptDigest: what a replay knows of the records before KeptRows::end() without reading them again: who is whom, who
// acted when, who was left out, and where it can begin (settled_rows.h). docs/formats/kept-rows.md has the bytes.
//
// Memory and bytes go by users and aliases, not by records. Thread safety: a plain value.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dataset/dataset.h"
#include "event/activity.h"
#include "event/alias_history.h"

namespace gfr {

// Of a closed segment, so that its records need not be read to know that they are the same.
struct SegmentMark {
  std::uint64_t end = 0;             // Offset behind its last record.
  std::uint64_t hash = 0;            // Of all records before `end` (kept-rows.md).
  std::uint64_t bytes = 0, raw = 0;  // Of the file: its size and XXH3.
  bool operator==(const SegmentMark&) const = default;
};

struct KeptDigest {
  std::map<std::uint64_t, SegmentMark> segments;  // By first offset; those that were closed.
  // Of objectives and options: settled rows are of the same ones.
  std::uint64_t rules = 0;
  std::vector<std::pair<std::uint64_t, std::string>> aliases;  // Offset and encoded event of each user.alias.
  std::unordered_set<Key> users;                               // Ids that acted, or that an alias names.
  std::unordered_map<Key, Activity> activity;                  // Of each person, with LeaveOutConfig::robots.
  std::unordered_map<Key, DropReason> left_out;
  double needed_bytes = 0;  // Of LogSurvey; 0: it was not measured, as the log fits in any case.

  bool is_settled = false;                // If so:
  std::uint64_t warm = 0;                 // Offset from which records are indexed and replayed again,
  std::uint64_t end = 0;                  // and before which all that was made is settled.
  std::int64_t latest_ms = INT64_MIN;     // A label event of that time or before may change what is settled.
  std::string index_state, replay_state;  // RowBuilder's, at `warm`.

  // The record is the log's next one.
  void Add(const LogRecord& record, std::string_view encoded);
  std::string Encode() const;
  static Result<KeptDigest> Decode(std::string_view bytes);  // kCorrupt: it is not what was encoded.
};

// What settled rows depend on beside features: windows, amounts, what is made, and whether bots are left out.
std::uint64_t SettledRules(const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options);
// After its arrival and time, for so long later records can change what is made of a record.
std::int64_t SettlesAfterMs(const std::vector<ObjectiveConfig>& objectives);

}  // namespace gfr
