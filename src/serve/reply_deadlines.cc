#include "serve/reply_deadlines.h"

#include "base/clock.h"

namespace gfr {

ReplyDeadlines::ReplyDeadlines(std::int64_t wait_ms)
    : wait_ms_(wait_ms), thread_("reply-deadlines", [this](const std::stop_token& stop) { Run(stop); }) {}

ReplyDeadlines::~ReplyDeadlines() {
  thread_.RequestStop();
  thread_.Join();
}

void ReplyDeadlines::Add(std::weak_ptr<LateReply> reply) {
  const MutexLock lock(mutex_);
  queue_.push_back({MonotonicMs() + wait_ms_, std::move(reply)});
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
    const std::shared_ptr<LateReply> late = queue_.front().reply.lock();
    queue_.pop_front();
    // Most of those behind it have been given by now: the next one that waits is nearly a whole wait away.
    while (late == nullptr && !queue_.empty() && queue_.front().reply.expired()) queue_.pop_front();
    if (late == nullptr) continue;
    lock.Unlock();
    late->ReplyLate();
    lock.Lock();
  }
}

}  // namespace gfr
