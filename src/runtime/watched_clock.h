// WatchedClock: the machine's time of day, which follows a jump ahead only once it has lasted.
//
// Arrival never goes back in a log. A clock that is ahead for a moment would stay in it for good; so a jump ahead of
// elapsed time by more than 5 s is reported and not followed at once (WallClock). A jump that is still there after a
// minute is a clock that was set right: it is followed, which is reported too.
//
// Thread safety: now_ms() and ahead_ms() from any thread; Look by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"

namespace gfr {

class WatchedClock final : public Clock {
 public:
  static constexpr std::int64_t kFollowAfterMs = 60'000;

  WatchedClock();
  std::int64_t now_ms() const override { return current_.load()->now_ms(); }
  // How far the machine's clock is ahead, where it is not followed; 0: it is followed.
  std::int64_t ahead_ms() const { return current_.load()->ahead_ms(); }

  enum class Seen { kNothing, kJump, kFollowed };
  // To be called about once a second. Logs a jump that was not there at the last call, and one that is followed now.
  Seen Look();

 private:
  std::vector<std::unique_ptr<const WallClock>> clocks_;  // One more for each jump followed: readers may hold any.
  std::atomic<const WallClock*> current_;
  std::int64_t seen_ahead_ms_ = 0;  // At the last look.
  std::int64_t since_ms_ = 0;       // Of MonotonicMs(): when this jump was seen first.
};

}  // namespace gfr
