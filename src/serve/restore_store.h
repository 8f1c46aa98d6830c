// RestoreStore: the states of a server's start, or of a reload with other definitions, from a snapshot and, where
// definitions changed since, from the log.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "base/file_system.h"
#include "log/event_source.h"
#include "state/online_store.h"

namespace gfr {

struct RestoredStore {
  std::unique_ptr<OnlineStore> store;  // As of the snapshot; the log goes on at its next_offset().
  std::string extra;                   // Snapshot::Write's.
  std::size_t filled = 0;              // States that the snapshot did not have.
  std::uint64_t read = 0;              // Records read for them.
};

// The snapshot for `features`: states that it has are taken as they are, wherever gfr.toml changed elsewhere; for new
// or changed ones alone the log is read up to the snapshot's offset, with progress. `log_end`: the log's next offset.
// kNotFound: no snapshot, or not one of this log; kCorrupt: not what was written; kUnavailable: a stop was requested.
Result<RestoredStore> RestoreStore(FileSystem& fs, const std::string& snapshot, EventSource& log, std::uint64_t log_end,
                                   std::shared_ptr<const FeatureSet> features, const std::stop_token& stop = {});

}  // namespace gfr
