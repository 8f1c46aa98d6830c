// DataSheet: what is in a dataset, to be read before it is used: rows, base rates by day, the age of the newest labels,
// and what was dropped and why. FOLDER/datasheet.json beside the Parquet, and the same as datasheet.md.
//
// Days are UTC, by arrival. Thread safety: none.
#pragma once

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "dataset/dataset.h"

namespace gfr {

class DataSheet {
 public:
  explicit DataSheet(const std::vector<ObjectiveConfig>& objectives);
  void Row(std::size_t objective, const RowPlace& place, bool label);
  void Dropped(std::size_t objective, DropReason reason, std::uint64_t lines);

  // `about` is what BuildRows returned.
  std::string ToJson(const Dataset& about) const;
  std::string ToMarkdown(const Dataset& about) const;

 private:
  struct Counts {
    std::uint64_t rows = 0, positives = 0;
  };
  struct Objective {
    ObjectiveConfig config;
    Counts all;
    std::map<std::int64_t, Counts> days;  // By day since 1970.
    std::unordered_set<Key> users;
    std::int64_t first_ms = 0, last_ms = 0, last_positive_ms = 0;
    std::map<DropReason, std::uint64_t> dropped;
  };
  std::vector<Objective> objectives_;
};

}  // namespace gfr
