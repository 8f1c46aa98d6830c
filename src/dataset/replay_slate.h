// ReplaySlate: the features of every candidate of a slate that the server served, read again from the log: its record
// keeps those of what was shown, and a checksum of all.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/event_source.h"
#include "state/online_store.h"

namespace gfr {

// Reads the features of all items of `request` (items x columns, row-major) as a server did. REQUIRES: `store` has
// folded the log up to the record's position, and no epoch after the record's has begun.
std::vector<float> ReadServed(OnlineStore& store, const Event& request);

struct ReplayedSlate {
  std::vector<float> features;         // items x columns, row-major, of the definitions replayed.
  std::uint64_t from = 0;              // Offset of the first record that was read again; 0: the whole log up to there.
  std::uint64_t records = 0;           // How many were.
  std::vector<std::string> different;  // Names of features whose values are not those that were served.
  std::vector<std::string> unknown;    // Names of features that the slate was served without.
};

// Goes on from the newest of `snapshots` (paths; those that cannot be used are passed over) that is not behind the
// request, else from the start of the log. kInvalidArgument: the record is no slate that was served, or says what
// cannot have been; kUnavailable: a stop was requested.
Result<ReplayedSlate> ReplaySlate(FileSystem& fs, EventSource& log, const std::shared_ptr<const FeatureSet>& features,
                                  const LogRecord& request, const std::vector<std::string>& snapshots,
                                  const std::stop_token& stop);

}  // namespace gfr
