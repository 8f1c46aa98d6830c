// Mailbox: the network between the world's clients and its server: requests wait here, and a killed server leaves its
// clients without an answer. Thread safety: all calls.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/clock.h"
#include "base/sync.h"
#include "log/event_sink.h"

namespace gfr {

// One call of POST /v1/events.
class Call {
 public:
  explicit Call(std::vector<Event> events) : events_(std::move(events)) {}
  const std::vector<Event>& events() const { return events_; }
  void Answer(bool accepted) {
    const MutexLock lock(mutex_);
    answer_ = accepted;
    answered_.NotifyAll();
  }
  // Empty: nobody answered in time, and it is not known what became of the call.
  std::optional<bool> Await(std::int64_t deadline_ms) {
    MutexLock lock(mutex_);
    (void)answered_.WaitUntil(lock, deadline_ms, [&] { return answer_.has_value(); });
    return answer_;
  }

 private:
  const std::vector<Event> events_;
  Mutex mutex_;
  CondVar answered_;
  std::optional<bool> answer_;
};

class Mailbox {
 public:
  void Send(std::shared_ptr<Call> call) {
    const MutexLock lock(mutex_);
    calls_.push_back(std::move(call));
    sent_.NotifyOne();
  }
  // Null: a stop was requested.
  std::shared_ptr<Call> Take(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    if (!sent_.Wait(lock, stop, [&] { return !calls_.empty(); })) return nullptr;
    auto call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }

 private:
  Mutex mutex_;
  CondVar sent_;
  std::deque<std::shared_ptr<Call>> calls_;
};

}  // namespace gfr
