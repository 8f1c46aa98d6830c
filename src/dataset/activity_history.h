// ActivityHistory: when every id of a log acted, kept so that it can be asked again and again who is a bot
// (event/activity.h) while the log grows and ids are joined.
//
// Consecutive records of one id, kind and instant are one entry of 16 bytes: a slate's impressions take as much as one.
// Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "event/activity.h"
#include "event/alias_history.h"

namespace gfr {

class ActivityHistory {
 public:
  // The next record of the log, of any type.
  void Add(const LogRecord& record);
  // Of each person: ids that are joined by now are one, with their events in the log's order. `people`: by the same
  // records.
  std::unordered_map<Key, Activity> ByPerson(const AliasHistory& people) const;

 private:
  struct Entry {
    std::int64_t arrival_ms;
    std::uint64_t offset : 44;  // Of the first of `count` records.
    std::uint64_t kind : 4;     // Into kKinds.
    std::uint64_t count : 16;
  };
  std::unordered_map<Key, std::vector<Entry>> users_, sessions_;  // Sessions of nobody, by SessionKey.
};

}  // namespace gfr
