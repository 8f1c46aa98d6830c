// ChangedItems: which items' rows each epoch changed, for one who makes something of them beside serving (lists of
// candidates), so that nobody scans the catalogue for it.
//
// Thread safety: all calls. One thread takes; what it took is nobody else's.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/sync.h"

namespace gfr {

class ChangedItems {
 public:
  // From now on ids are kept. REQUIRES: called before the writer seals the epochs that are wanted.
  void Begin() { wanted_.store(true, std::memory_order_relaxed); }
  bool wanted() const noexcept { return wanted_.load(std::memory_order_relaxed); }
  // The writer's: the dense ids that the epoch changed. REQUIRES: called before the epoch is published.
  void Add(std::int64_t epoch_end_ms, std::vector<std::uint32_t> ids) {
    const MutexLock lock(mutex_);
    epochs_.emplace_back(epoch_end_ms, std::move(ids));
  }
  // The ids of all epochs up to the one that a pin sees and that were not taken before, some more than once.
  std::vector<std::uint32_t> Take(std::int64_t epoch_end_ms) {
    std::vector<std::uint32_t> ids;
    const MutexLock lock(mutex_);
    std::erase_if(epochs_, [&](const auto& epoch) {
      if (epoch.first > epoch_end_ms) return false;
      ids.insert(ids.end(), epoch.second.begin(), epoch.second.end());
      return true;
    });
    return ids;
  }

 private:
  std::atomic<bool> wanted_ = false;
  Mutex mutex_;
  std::vector<std::pair<std::int64_t, std::vector<std::uint32_t>>> epochs_;
};

}  // namespace gfr
