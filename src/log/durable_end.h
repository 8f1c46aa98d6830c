// DurableEnd: how far the writer of a log is on disk, for readers of the same process. Thread safety: all calls.
#pragma once

#include <cstdint>

#include "base/sync.h"

namespace gfr {

class DurableEnd {
 public:
  explicit DurableEnd(std::uint64_t offset) : offset_(offset) {}
  std::uint64_t offset() const {
    const MutexLock lock(mutex_);
    return offset_;
  }
  void Set(std::uint64_t offset) {
    const MutexLock lock(mutex_);
    offset_ = offset;
    changed_.NotifyAll();
  }
  // False: it was not beyond `offset` before `deadline_ms`.
  bool WaitBeyond(std::uint64_t offset, std::int64_t deadline_ms) {
    MutexLock lock(mutex_);
    return changed_.WaitUntil(lock, deadline_ms, [&] { return offset_ > offset; });
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::uint64_t offset_;  // Behind the last record on disk.
};

}  // namespace gfr
