// RecentRecords: the records that a server has just logged and folded, for those beside it that would otherwise read
// them again: from the disk, uncompressed and decoded.
//
// A bounded queue without gaps: Add of records that do not follow those before empties it first, as does one that would
// take it beyond its bound. What is not here is in the log. Memory: kMostBytes, and one batch more. Thread safety: all
// calls.
#pragma once

#include <cstddef>
#include <vector>

#include "base/sync.h"
#include "event/event.h"

namespace gfr {

class RecentRecords {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;  // In memory, about.

  explicit RecentRecords(std::size_t most_bytes = kMostBytes) : most_bytes_(most_bytes) {}
  // Until somebody says that they are taken, none are kept.
  void Begin();
  // REQUIRES: their offsets are consecutive.
  void Add(std::vector<LogRecord> records);
  // All of them in batches, each and all without gaps; none stay.
  std::vector<std::vector<LogRecord>> Take();

 private:
  const std::size_t most_bytes_;
  Mutex mutex_;
  bool taken_ = false;
  std::size_t bytes_ = 0;
  std::vector<std::vector<LogRecord>> batches_;
};

}  // namespace gfr
