// Mutex, MutexLock, CondVar and Thread: the only ones GFR uses, so that a test can take over every wait (sync_hook.h).
//
// They are the standard library's, plus one look at a thread-local pointer. Deadlines are absolute, in milliseconds of
// MonotonicMs() (clock.h); kNoDeadline never comes. Locks are not recursive. Thread safety: all calls of Mutex and
// CondVar; a Thread is its owner's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/sync_hook.h"

namespace gfr {

constexpr std::int64_t kNoDeadline = INT64_MAX;

class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() {
    if (SyncHook* hook = SyncHook::current(); hook != nullptr) [[unlikely]] {
      LockSimulated(*hook);
    } else {
      mutex_.lock();
    }
  }
  bool TryLock() { return mutex_.try_lock(); }
  // REQUIRES: the calling thread holds it.
  void Unlock() {
    mutex_.unlock();
    if (SyncHook* hook = SyncHook::current(); hook != nullptr) [[unlikely]]
      hook->Wake(this, /*all=*/false);
  }

 private:
  friend class CondVar;
  void LockSimulated(SyncHook& hook);
  std::mutex mutex_;
};

// Holds the mutex until it is destroyed; may let go of it and take it again in between.
class [[nodiscard]] MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) : mutex_(&mutex) { mutex_->Lock(); }
  ~MutexLock() {
    if (held_) mutex_->Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Lock() {
    mutex_->Lock();
    held_ = true;
  }
  void Unlock() {
    held_ = false;
    mutex_->Unlock();
  }

 private:
  friend class CondVar;
  Mutex* const mutex_;
  bool held_ = true;
};

// Waits take a condition, so that a wake-up without a reason does no harm. Those with a deadline or a stop token return
// the condition's last value: false says that time is up or that a stop was requested.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void NotifyOne() { Notify(/*all=*/false); }
  void NotifyAll() { Notify(/*all=*/true); }

  // REQUIRES, of all waits: `lock` holds the mutex that guards what `condition` reads.
  template <typename Condition>
  void Wait(MutexLock& lock, Condition condition) {
    while (!condition()) (void)WaitOnce(lock, kNoDeadline, nullptr);
  }
  template <typename Condition>
  bool Wait(MutexLock& lock, const std::stop_token& stop, Condition condition) {
    return WaitUntil(lock, kNoDeadline, stop, std::move(condition));
  }
  template <typename Condition>
  bool WaitUntil(MutexLock& lock, std::int64_t deadline_ms, Condition condition) {
    while (!condition()) {
      if (!WaitOnce(lock, deadline_ms, nullptr)) return condition();
    }
    return true;
  }
  template <typename Condition>
  bool WaitUntil(MutexLock& lock, std::int64_t deadline_ms, const std::stop_token& stop, Condition condition) {
    while (!condition()) {
      if (!WaitOnce(lock, deadline_ms, &stop)) return condition();
    }
    return true;
  }

 private:
  void Notify(bool all);
  // False once the deadline has passed or a stop was requested; true for a notification, and now and then without one.
  bool WaitOnce(MutexLock& lock, std::int64_t deadline_ms, const std::stop_token* stop);
  bool WaitSimulated(SyncHook& hook, MutexLock& lock, std::int64_t deadline_ms, const std::stop_token* stop);

  std::condition_variable plain_;
  std::condition_variable_any stoppable_;  // Dearer, so apart: for waits with a stop token.
  std::atomic<int> stoppable_waits_ = 0;   // Raised under the waiter's mutex, so a notifier that matters sees it.
};

// A thread with a name (the first 15 bytes are what the system shows). Destruction requests a stop and joins.
class Thread {
 public:
  Thread() = default;  // None.
  // Runs `body()` or `body(std::stop_token)`. An exception that leaves it ends the process.
  template <typename Body>
  Thread(std::string name, Body body) {
    auto shared = std::make_shared<Body>(std::move(body));
    Start(std::move(name), [shared](const std::stop_token& stop) {
      if constexpr (std::is_invocable_v<Body&, std::stop_token>) {
        (*shared)(stop);
      } else {
        (*shared)();
      }
    });
  }
  Thread(Thread&& other) noexcept { *this = std::move(other); }
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  bool joinable() const { return thread_.joinable(); }
  void RequestStop() { stop_.request_stop(); }
  // Waits until the body has returned. REQUIRES: joinable().
  void Join();

 private:
  void Start(std::string name, std::function<void(const std::stop_token&)> body);
  std::thread thread_;
  std::stop_source stop_{std::nostopstate};
  std::uint64_t number_ = 0;  // In its simulation.
};

// Another thread may run first; under a simulation, here is where it chooses one. For loops that wait without a lock.
void YieldThread();

// How many threads the machine runs at once; at least 1.
int HardwareThreads();

}  // namespace gfr
