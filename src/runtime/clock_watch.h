// ClockWatch: reports a system clock that jumped ahead. WallClock does not follow a jump of more than 5 s ahead of
// monotonic elapsed time: arrival never goes back, so that a clock ahead for a moment would stay in the log for good.
// Until the process is started again it goes on at the time before the jump, which someone must know.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace gfr {

class ClockWatch {
 public:
  // `used`: the wall clock whose time the process works with.
  explicit ClockWatch(const WallClock& used) : used_(used) {}

  // Whether a jump is seen that was not there at the last look; it is logged then.
  bool Look();
  std::int64_t ahead_ms() const { return ahead_ms_; }  // Of the system's clock, at the last look; 0: it is followed.

 private:
  const WallClock& used_;
  std::int64_t ahead_ms_ = 0;
};

}  // namespace gfr
