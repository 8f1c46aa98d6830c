// VerifyServed: are the feature values that the server logged those that a replay of the log gives, bit for bit?
#pragma once

#include <functional>
#include <string>

#include "base/file_system.h"
#include "log/drop_records.h"
#include "log/event_source.h"
#include "state/online_store.h"

namespace gfr {

struct ServedCheck {
  std::uint64_t requests = 0, values = 0, different = 0;
  std::uint64_t bad_slates = 0;         // Whose record says what cannot have been (state/slate_check.h): not compared.
  std::uint64_t other_definitions = 0;  // Requests of which no column is defined as it was served: not compared.
  std::uint64_t before_drop = 0;        // Read before records were dropped from the log: not compared.
  bool finished = true;                 // False: VerifyOptions::go_on ended it before.
  std::string first_bad;                // "request r-1: it was read as of ..."; empty: none.
  std::string first_difference;         // "request r-1, item i5, feature price: served 3, replayed 4"; empty: none.
};

struct VerifyOptions {
  std::string snapshot;  // Start from it when it can be used: only requests served behind it are checked.
  // About so many are checked, spread evenly, and fewer where they have many candidates: memory is bounded. 0: all.
  std::uint64_t max_requests = 0;
  std::vector<OffsetRange> drops = {};  // ReadDrops: slates at these offsets are not compared.
  // Asked every few records; false: it ends with what it has compared. Empty: it goes on.
  std::function<bool()> go_on = {};
};

Result<ServedCheck> VerifyServed(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                                 const VerifyOptions& options = {});

}  // namespace gfr
