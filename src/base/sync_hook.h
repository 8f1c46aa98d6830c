// SyncHook: lets a test decide which thread runs next and what time it is. Null in production.
//
// Every wait of GFR goes through base: locks, condition variables, threads, sleeps and clocks (sync.h, clock.h) and
// file I/O in tests (fault_file_system.h). Each looks at one thread-local pointer first. Where it is null, the call is
// the standard library's. Where it is set, the thread is simulated: its owner (simulation.h) runs one thread at a time,
// picks the next at each of these calls, and moves virtual time on when all of them wait.
//
// The rules that make this exact: a simulated thread never blocks in the operating system but in its hook, so a mutex
// is only ever tried; whoever unlocks or notifies says so with Wake, which never switches threads; a simulated thread
// starts its threads simulated. Thread safety: each call from simulated threads, of which one runs at a time.
#pragma once

#include <cstdint>
#include <string>

namespace gfr {

class SyncHook {
 public:
  static constexpr std::int64_t kNever = INT64_MAX;

  virtual ~SyncHook() = default;

  // Another thread may run before this returns. `what` says where (a literal); it goes into the trace.
  virtual void Yield(const char* what) = 0;
  // Waits until Wake(address) or until monotonic_ns() is `deadline_ns`. False: the deadline came first.
  virtual bool Park(const char* what, const void* address, std::int64_t deadline_ns) = 0;
  // Lets one or all of the threads that are parked at `address` run again. Does not switch.
  virtual void Wake(const void* address, bool all) = 0;

  virtual std::int64_t monotonic_ns() = 0;
  virtual std::int64_t wall_ns() = 0;

  // A new thread: announced by the one that starts it, which gives it its number; entered and left by itself; joined.
  virtual std::uint64_t AnnounceThread(const std::string& name) = 0;
  virtual void EnterThread(std::uint64_t number) = 0;
  virtual void LeaveThread() = 0;
  virtual void JoinThread(std::uint64_t number) = 0;

  // The calling thread's; null unless it is simulated.
  static SyncHook* current() { return current_; }

 protected:
  static void SetCurrent(SyncHook* hook) { current_ = hook; }

 private:
  static inline constinit thread_local SyncHook* current_ = nullptr;
};

}  // namespace gfr
