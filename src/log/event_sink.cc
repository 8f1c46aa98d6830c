#include "log/event_sink.h"

#include <condition_variable>
#include <mutex>
#include <optional>

namespace gfr {

Result<Appended> EventSink::Append(std::vector<Event> events) {
  std::mutex mutex;
  std::condition_variable finished;
  std::optional<Result<Appended>> result;
  AppendAsync(std::move(events), [&](Result<Appended> appended) {
    const std::lock_guard lock(mutex);
    result = std::move(appended);
    finished.notify_one();  // Under the lock: the waiting thread destroys both as soon as it has the lock.
  });
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

}  // namespace gfr
