#include "runtime/clock_watch.h"

#include "runtime/logger.h"

namespace gfr {

bool ClockWatch::Look() {
  const std::int64_t before_ms = ahead_ms_;
  ahead_ms_ = used_.ahead_ms();
  if (ahead_ms_ == 0 || before_ms != 0) return false;
  LogError("clock",
           "ALERT: the system's clock jumped ahead and is not followed; if it is right now, restart this process",
           {{"ahead_ms", ahead_ms_}});
  return true;
}

}  // namespace gfr
