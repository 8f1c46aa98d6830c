#include "runtime/watched_clock.h"

#include <gtest/gtest.h>

#include "base/simulation.h"

namespace gfr {
namespace {

constexpr std::int64_t kWatchStartMs = 1'700'000'000'000, kWatchHourMs = 3'600'000;
using Seen = WatchedClock::Seen;

// Looks once a second for so long; gives how often the clock was followed.
int LookFor(WatchedClock& clock, std::int64_t for_ms) {
  int followed = 0;
  for (const std::int64_t end_ms = MonotonicMs() + for_ms; MonotonicMs() < end_ms;) {
    WaitUntil(MonotonicMs() + 1000);
    followed += clock.Look() == Seen::kFollowed;
  }
  return followed;
}

TEST(WatchedClock, AJumpAheadIsReportedOnceAndNotFollowedAtOnce) {
  Simulation simulation({.wall_ms = kWatchStartMs});
  simulation.Run([&] {
    WatchedClock clock;
    EXPECT_EQ(clock.Look(), Seen::kNothing);
    simulation.JumpWallMs(4000);
    EXPECT_EQ(clock.Look(), Seen::kNothing) << "so much is followed";
    EXPECT_EQ(clock.now_ms(), kWatchStartMs + 4000);
    simulation.JumpWallMs(kWatchHourMs);
    EXPECT_GE(clock.ahead_ms(), kWatchHourMs) << "it is known before the next look";
    EXPECT_EQ(clock.Look(), Seen::kJump);
    EXPECT_LT(clock.now_ms(), kWatchStartMs + 10'000);
    EXPECT_EQ(clock.Look(), Seen::kNothing) << "one jump is one alert";
    simulation.JumpWallMs(-kWatchHourMs);
    EXPECT_EQ(clock.Look(), Seen::kNothing);
    EXPECT_EQ(clock.ahead_ms(), 0);
    simulation.JumpWallMs(60'000);
    EXPECT_EQ(clock.Look(), Seen::kJump);
  });
}

TEST(WatchedClock, AJumpThatLastsAMinuteIsFollowed) {
  Simulation simulation({.wall_ms = kWatchStartMs});
  simulation.Run([&] {
    WatchedClock clock;
    simulation.JumpWallMs(kWatchHourMs);
    EXPECT_EQ(LookFor(clock, WatchedClock::kFollowAfterMs - 5000), 0);
    EXPECT_LT(clock.now_ms(), kWatchStartMs + kWatchHourMs);
    EXPECT_EQ(LookFor(clock, 10'000), 1);
    EXPECT_EQ(clock.ahead_ms(), 0);
    EXPECT_GE(clock.now_ms(), kWatchStartMs + kWatchHourMs + WatchedClock::kFollowAfterMs);
    EXPECT_EQ(LookFor(clock, 120'000), 0);
    simulation.JumpWallMs(kWatchHourMs);
    EXPECT_EQ(clock.Look(), Seen::kJump) << "the next one is judged from there";
  });
}

TEST(WatchedClock, AClockThatKeepsJumpingIsNotFollowed) {
  Simulation simulation({.wall_ms = kWatchStartMs});
  simulation.Run([&] {
    WatchedClock clock;
    for (int n = 0; n < 10; ++n) {
      simulation.JumpWallMs(kWatchHourMs);
      EXPECT_EQ(LookFor(clock, WatchedClock::kFollowAfterMs / 2), 0);
    }
    EXPECT_LT(clock.now_ms(), kWatchStartMs + kWatchHourMs);
  });
}

}  // namespace
}  // namespace gfr
