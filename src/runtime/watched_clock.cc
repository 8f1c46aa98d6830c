#include "runtime/watched_clock.h"

#include <cstdlib>

#include "runtime/logger.h"

namespace gfr {
namespace {

constexpr std::int64_t kAnotherJumpMs = 5000;  // The minute begins anew where the jump changes by so much.

}  // namespace

WatchedClock::WatchedClock() {
  clocks_.push_back(std::make_unique<const WallClock>());
  current_ = clocks_.back().get();
}

WatchedClock::Seen WatchedClock::Look() {
  const std::int64_t ahead_ms = this->ahead_ms(), before_ms = seen_ahead_ms_, now_ms = MonotonicMs();
  seen_ahead_ms_ = ahead_ms;
  if (ahead_ms == 0) return Seen::kNothing;
  const bool new_jump = before_ms == 0;
  if (new_jump || std::abs(ahead_ms - before_ms) > kAnotherJumpMs) since_ms_ = now_ms;
  if (new_jump) {
    LogError("clock", "ALERT: the system's clock jumped ahead; it is followed if it stays there",
             {{"ahead_ms", ahead_ms}, {"followed_after_ms", kFollowAfterMs}});
    return Seen::kJump;
  }
  if (now_ms - since_ms_ < kFollowAfterMs) return Seen::kNothing;
  clocks_.push_back(std::make_unique<const WallClock>());
  current_ = clocks_.back().get();
  seen_ahead_ms_ = 0;
  LogError("clock",
           "ALERT: the system's clock has stayed ahead, and is followed now; if it was wrong, arrival times "
           "are ahead from here on (`gfr log drop --ahead` repairs them)",
           {{"ahead_ms", ahead_ms}});
  return Seen::kFollowed;
}

}  // namespace gfr
