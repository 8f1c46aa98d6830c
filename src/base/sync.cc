#include "base/sync.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace gfr {
namespace {

// Condition variables wait by a clock that stands still while the machine sleeps, deadlines do not: so a long wait
// looks at the time now and then.
constexpr std::int64_t kLongestWaitMs = 30'000;

}  // namespace

void Mutex::LockSimulated(SyncHook& hook) {
  hook.Yield("lock");
  while (!mutex_.try_lock()) (void)hook.Park("locked", this, SyncHook::kNever);
}

void CondVar::Notify(bool all) {
  if (SyncHook* hook = SyncHook::current(); hook != nullptr) [[unlikely]] {
    hook->Wake(this, all);
    return;
  }
  const bool stoppable = stoppable_waits_.load(std::memory_order_acquire) > 0;
  if (all) {
    plain_.notify_all();
    if (stoppable) stoppable_.notify_all();
  } else {
    // Which of the two kinds is waiting is not known: one of each.
    plain_.notify_one();
    if (stoppable) stoppable_.notify_one();
  }
}

bool CondVar::WaitOnce(MutexLock& lock, std::int64_t deadline_ms, const std::stop_token* stop) {
  if (SyncHook* hook = SyncHook::current(); hook != nullptr) [[unlikely]]
    return WaitSimulated(*hook, lock, deadline_ms, stop);
  std::int64_t wait_ms = kLongestWaitMs;
  if (deadline_ms != kNoDeadline) {
    wait_ms = std::min(wait_ms, deadline_ms - MonotonicMs());
    if (wait_ms <= 0) return false;
  }
  std::unique_lock<std::mutex> held(lock.mutex_->mutex_, std::adopt_lock);
  if (stop != nullptr && stop->stop_possible()) {
    ++stoppable_waits_;
    bool waited = false;  // One wait, then the caller looks at its condition.
    stoppable_.wait_for(held, *stop, std::chrono::milliseconds(wait_ms), [&] { return std::exchange(waited, true); });
    --stoppable_waits_;
  } else if (deadline_ms == kNoDeadline) {
    plain_.wait(held);
  } else {
    plain_.wait_for(held, std::chrono::milliseconds(wait_ms));
  }
  held.release();
  if (stop != nullptr && stop->stop_requested()) return false;
  return deadline_ms == kNoDeadline || MonotonicMs() < deadline_ms;
}

bool CondVar::WaitSimulated(SyncHook& hook, MutexLock& lock, std::int64_t deadline_ms, const std::stop_token* stop) {
  if (stop != nullptr && stop->stop_requested()) return false;
  // Nothing runs between the two: a notification after Unlock finds this thread parked.
  lock.mutex_->Unlock();
  bool in_time = true;
  {
    const std::int64_t deadline_ns = deadline_ms == kNoDeadline ? SyncHook::kNever : deadline_ms * 1'000'000;
    const auto wake = [&] { hook.Wake(this, /*all=*/true); };
    if (stop != nullptr) {
      const std::stop_callback on_stop(*stop, wake);
      in_time = hook.Park("wait", this, deadline_ns);
    } else {
      in_time = hook.Park("wait", this, deadline_ns);
    }
  }
  lock.mutex_->Lock();
  return in_time && (stop == nullptr || !stop->stop_requested());
}

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this == &other) return *this;
  if (joinable()) {
    RequestStop();
    Join();
  }
  thread_ = std::move(other.thread_);
  stop_ = std::exchange(other.stop_, std::stop_source{std::nostopstate});
  number_ = other.number_;
  return *this;
}

Thread::~Thread() {
  if (!joinable()) return;
  RequestStop();
  Join();
}

void Thread::Start(std::string name, std::function<void(const std::stop_token&)> body) {
  stop_ = std::stop_source{};
  SyncHook* const hook = SyncHook::current();
  if (hook != nullptr) number_ = hook->AnnounceThread(name);
  thread_ = std::thread(
      [hook, number = number_, name = std::move(name), body = std::move(body), stop = stop_.get_token()]() mutable {
        (void)pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        if (hook != nullptr) hook->EnterThread(number);
        body(stop);
        body = nullptr;  // What it held goes while it is simulated still.
        if (hook != nullptr) hook->LeaveThread();
      });
  if (hook != nullptr) hook->Yield("start thread");
}

void Thread::Join() {
  if (SyncHook* hook = SyncHook::current(); hook != nullptr) hook->JoinThread(number_);
  thread_.join();
}

void YieldThread() {
  if (SyncHook* hook = SyncHook::current(); hook != nullptr) {
    hook->Yield("yield");
  } else {
    std::this_thread::yield();
  }
}

int HardwareThreads() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

}  // namespace gfr
