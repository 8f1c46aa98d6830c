// Clock: where time comes from. Nothing else in GFR reads the time of day or sleeps.
//
// Two scales. Wall time is the time of day (CLOCK_REALTIME): it may be set, so it says when something happened, and
// never how long it took. Monotonic time (CLOCK_BOOTTIME) only goes on, also while the machine sleeps: durations and
// deadlines are on it. Both are virtual in a simulated thread (simulation.h). Thread safety: all calls, from any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

namespace gfr {

// Monotonic milliseconds, microseconds and seconds since some point in the past.
std::int64_t MonotonicMs();
std::int64_t MonotonicUs();
double MonotonicSeconds();

// Waits until MonotonicMs() is `deadline_ms`. False: a stop was requested first.
bool WaitUntil(std::int64_t deadline_ms, const std::stop_token& stop = {});

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t now_ms() const = 0;  // Milliseconds since 1970-01-01 UTC.
  std::int64_t monotonic_ms() const { return MonotonicMs(); }
  bool WaitUntil(std::int64_t deadline_ms, const std::stop_token& stop = {}) const {
    return gfr::WaitUntil(deadline_ms, stop);
  }
};

// The machine's time of day. A step ahead of monotonic elapsed time by more than 5 s is not followed.
class WallClock final : public Clock {
 public:
  WallClock();
  std::int64_t now_ms() const override;
  // How far the machine's clock is ahead, where it is not followed; 0: it is followed.
  std::int64_t ahead_ms() const;

 private:
  std::int64_t expected_ms() const;
  std::int64_t start_wall_ms_;
  std::int64_t start_monotonic_ms_;
};

// Starts at a given time and goes on at wall speed: serves a log of 2018 as if it were that day.
class OffsetClock final : public Clock {
 public:
  explicit OffsetClock(std::int64_t start_ms);
  std::int64_t now_ms() const override;

 private:
  std::int64_t start_ms_;
  std::int64_t start_monotonic_ms_;
};

// Stands still until told otherwise; for tests and `--clock fixed:T`.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(std::int64_t now_ms) : now_ms_(now_ms) {}
  std::int64_t now_ms() const override { return now_ms_.load(); }
  void Set(std::int64_t now_ms) { now_ms_.store(now_ms); }

 private:
  std::atomic<std::int64_t> now_ms_;
};

}  // namespace gfr
