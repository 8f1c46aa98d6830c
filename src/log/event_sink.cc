#include "log/event_sink.h"

#include <optional>

#include "base/sync.h"

namespace gfr {

Result<Appended> EventSink::Append(std::vector<Event> events) {
  Mutex mutex;
  CondVar finished;
  std::optional<Result<Appended>> result;
  AppendAsync(std::move(events), [&](Result<Appended> appended) {
    const MutexLock lock(mutex);
    result = std::move(appended);
    finished.NotifyOne();  // Under the lock: the waiting thread destroys both as soon as it has the lock.
  });
  MutexLock lock(mutex);
  finished.Wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

}  // namespace gfr
