// Clock: where time comes from. Nothing else in GFR reads the time of day.
//
// Thread safety: all calls, from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace gfr {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t now_ms() const = 0;  // Milliseconds since 1970-01-01 UTC.
};

// The machine's time of day. A step ahead of monotonic elapsed time by more than 5 s is not followed (07: a clock that
// jumps).
class WallClock final : public Clock {
 public:
  WallClock();
  std::int64_t now_ms() const override;

 private:
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

// Monotonic milliseconds and seconds, for durations only.
std::int64_t MonotonicMs();
double MonotonicSeconds();

}  // namespace gfr
