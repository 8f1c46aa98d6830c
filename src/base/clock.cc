#include "base/clock.h"

#include <time.h>

#include "base/sync.h"

namespace gfr {
namespace {

constexpr std::int64_t kMaxJumpMs = 5000;

std::int64_t ReadNs(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

std::int64_t SystemMs() {
  SyncHook* const hook = SyncHook::current();
  return (hook != nullptr ? hook->wall_ns() : ReadNs(CLOCK_REALTIME)) / 1'000'000;
}

std::int64_t MonotonicNs() {
  SyncHook* const hook = SyncHook::current();
  return hook != nullptr ? hook->monotonic_ns() : ReadNs(CLOCK_BOOTTIME);
}

}  // namespace

std::int64_t MonotonicMs() { return MonotonicNs() / 1'000'000; }
std::int64_t MonotonicUs() { return MonotonicNs() / 1000; }
double MonotonicSeconds() { return static_cast<double>(MonotonicNs()) * 1e-9; }

bool WaitUntil(std::int64_t deadline_ms, const std::stop_token& stop) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  while (MonotonicMs() < deadline_ms && !stop.stop_requested())
    (void)never.WaitUntil(lock, deadline_ms, stop, [] { return false; });
  return !stop.stop_requested();
}

WallClock::WallClock() : start_wall_ms_(SystemMs()), start_monotonic_ms_(MonotonicMs()) {}

std::int64_t WallClock::expected_ms() const { return start_wall_ms_ + (MonotonicMs() - start_monotonic_ms_); }

std::int64_t WallClock::now_ms() const {
  const std::int64_t expected = expected_ms(), now = SystemMs();
  return now > expected + kMaxJumpMs ? expected : now;
}

std::int64_t WallClock::ahead_ms() const {
  const std::int64_t ahead = SystemMs() - expected_ms();
  return ahead > kMaxJumpMs ? ahead : 0;
}

OffsetClock::OffsetClock(std::int64_t start_ms) : start_ms_(start_ms), start_monotonic_ms_(MonotonicMs()) {}

std::int64_t OffsetClock::now_ms() const { return start_ms_ + (MonotonicMs() - start_monotonic_ms_); }

}  // namespace gfr
