#include "runtime/clock_watch.h"

#include <gtest/gtest.h>

#include "base/simulation.h"

namespace gfr {
namespace {

TEST(ClockWatch, AJumpAheadIsReportedOnceAndTheClockInUseDoesNotFollowIt) {
  Simulation simulation({.wall_ms = 1'700'000'000'000});
  simulation.Run([&] {
    const WallClock clock;
    ClockWatch watch(clock);
    EXPECT_FALSE(watch.Look());
    simulation.JumpWallMs(4000);
    EXPECT_FALSE(watch.Look()) << "so much is followed";
    EXPECT_EQ(clock.now_ms(), 1'700'000'004'000);
    simulation.JumpWallMs(3'600'000);
    EXPECT_TRUE(watch.Look());
    EXPECT_GE(watch.ahead_ms(), 3'600'000);
    EXPECT_LT(clock.now_ms(), 1'700'000'010'000);
    EXPECT_FALSE(watch.Look()) << "one jump is one alert";
    simulation.JumpWallMs(-3'600'000);
    EXPECT_FALSE(watch.Look());
    EXPECT_EQ(watch.ahead_ms(), 0);
    simulation.JumpWallMs(60'000);
    EXPECT_TRUE(watch.Look());
  });
}

}  // namespace
}  // namespace gfr
