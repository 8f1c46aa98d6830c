#include "serve/reply_deadlines.h"

#include "base/clock.h"

namespace gfr {

ReplyDeadlines::ReplyDeadlines(std::int64_t wait_ms)
    : wait_ms_(wait_ms), thread_("reply-deadlines", [this](const std::stop_token& stop) { Run(stop); }) {}

ReplyDeadlines::~ReplyDeadlines() {
  thread_.RequestStop();
  thread_.Join();
}

void ReplyDeadlines::Add(std::function<void()> call) {
  const MutexLock lock(mutex_);
  queue_.push_back({MonotonicMs() + wait_ms_, std::move(call)});
  if (queue_.size() == 1) added_.NotifyOne();  // Else the thread waits for an earlier one.
}

void ReplyDeadlines::Run(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (added_.Wait(lock, stop, [&] { return !queue_.empty(); })) {
    const std::int64_t at_ms = queue_.front().at_ms;
    lock.Unlock();
    const bool due = WaitUntil(at_ms, stop);
    lock.Lock();
    if (!due) return;
    Due first = std::move(queue_.front());
    queue_.pop_front();
    lock.Unlock();
    first.call();
    first = {};
    lock.Lock();
  }
}

}  // namespace gfr
