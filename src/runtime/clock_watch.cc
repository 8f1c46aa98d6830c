#include "runtime/clock_watch.h"

#include "runtime/logger.h"

namespace gfr {

bool ClockWatch::Look() {
  constexpr std::int64_t kJumpMs = 5000;
  const WallClock system;  // A new one begins at the system's time.
  const std::int64_t ahead_ms = system.now_ms() - used_.now_ms(), before_ms = ahead_ms_;
  ahead_ms_ = ahead_ms > kJumpMs ? ahead_ms : 0;
  if (ahead_ms_ == 0 || before_ms != 0) return false;
  LogError("clock",
           "ALERT: the system's clock jumped ahead and is not followed; if it is right now, restart this process",
           {{"ahead_ms", ahead_ms}});
  return true;
}

}  // namespace gfr
