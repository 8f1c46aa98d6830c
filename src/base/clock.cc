#include "base/clock.h"

#include <chrono>

namespace gfr {
namespace {

constexpr std::int64_t kMaxJumpMs = 5000;

std::int64_t SystemMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::int64_t MonotonicMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

double MonotonicSeconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

WallClock::WallClock() : start_wall_ms_(SystemMs()), start_monotonic_ms_(MonotonicMs()) {}

std::int64_t WallClock::now_ms() const {
  const std::int64_t expected = start_wall_ms_ + (MonotonicMs() - start_monotonic_ms_);
  const std::int64_t now = SystemMs();
  return now > expected + kMaxJumpMs ? expected : now;
}

OffsetClock::OffsetClock(std::int64_t start_ms) : start_ms_(start_ms), start_monotonic_ms_(MonotonicMs()) {}

std::int64_t OffsetClock::now_ms() const { return start_ms_ + (MonotonicMs() - start_monotonic_ms_); }

}  // namespace gfr
