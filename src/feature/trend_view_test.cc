#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "feature/test_view.h"

namespace gfr {
namespace {

constexpr char kTrend[] =
    "type = \"trend\"\nevents = [\"feed.click\"]\nhalf_life = \"1h\"\nlong_half_life = \"10h\"\nscope = ";

TEST(Trend, IsTheRateOfLateOverTheLongRuns) {
  Rng rng(91);
  TestView h(std::string(kTrend) + "\"user\"\n");
  EXPECT_TRUE(std::isnan(h.Read(0)[0]));
  std::vector<std::int64_t> clicks;
  std::int64_t now = 0;
  for (Line line : RandomLines(rng, 200)) {
    now = std::max(now, line.time_ms);
    if (rng.Chance(0.2)) line.time_ms -= static_cast<std::int64_t>(rng.Below(5 * kHourMs));  // A late one.
    h.Fold(line);
    if (line.type == EventType::kFeedClick) clicks.push_back(line.time_ms);
    double recent = 0, before = 0;
    for (const std::int64_t t : clicks) {
      recent += std::exp2(-static_cast<double>(now - t) / static_cast<double>(kHourMs));
      before += std::exp2(-static_cast<double>(now - t) / static_cast<double>(10 * kHourMs));
    }
    if (!clicks.empty()) {
      ASSERT_NEAR(h.Read(now)[0], recent / (before / 10), 1e-4);
    }
  }
}

TEST(Trend, IsOneWhenSteadyAndMoreWhenRising) {
  TestView h(std::string(kTrend) + "\"user\"\n");
  std::int64_t now = 1'700'000'000'000;
  for (int minute = 0; minute < 120 * 60; ++minute) h.Fold({EventType::kFeedClick, 1, now += kMinuteMs});
  EXPECT_NEAR(h.Read(now)[0], 1.0, 0.01);
  for (int k = 0; k < 60; ++k) h.Fold({EventType::kFeedClick, 1, now += kMinuteMs / 4});
  EXPECT_GT(h.Read(now)[0], 1.2);
}

TEST(Trend, OfSharedStateIsSealedByEpochsFromPartsOfAnySplit) {
  Rng rng(92);
  TestView h(std::string(kTrend) + "\"item\"\n");
  double recent = 0, before = 0;
  std::int64_t end = 1'700'000'040'000;
  EXPECT_TRUE(std::isnan(h.Read(end)[0]));
  for (int epoch = 0; epoch < 300; ++epoch) {
    end += kMinuteMs;
    recent *= std::exp2(-1.0 / 60);
    before *= std::exp2(-1.0 / 600);
    auto whole = h.NewState(), a = whole, b = whole;
    int count = 0;
    if (rng.Chance(0.3)) {
      for (int k = 0; k < 5; ++k) {
        const Line line{rng.Chance(0.5) ? EventType::kFeedClick : EventType::kItemView, 1, end - 1000};
        count += line.type == EventType::kFeedClick;
        h.Fold(line, &whole);
        h.Fold(line, rng.Chance(0.5) ? &a : &b);
      }
    }
    ASSERT_EQ(h.Merged(a, b), whole);
    ASSERT_EQ(h.Merged(b, a), whole);
    recent += count;
    before += count;
    h.Seal(whole, end);
    if (before > 0) {
      ASSERT_NEAR(h.Read(end)[0], recent / (before / 10), 1e-4);
    }
  }
  ASSERT_GT(before, 1);
}

TEST(Trend, OfJoinedHistoriesIsThatOfTheWhole) {
  ExpectJoinedHistoriesReadLikeTheWhole(std::string(kTrend) + "\"user\"\n", 1e-5, false, 93);
}

TEST(Trend, NeedsALongAndAShortHalfLife) {
  EXPECT_THAT(ErrorOf("type = \"trend\"\nscope = \"item\"\nevents = [\"feed.click\"]\nhalf_life = \"1h\"\n"),
              testing::HasSubstr("long_half_life: is missing"));
  EXPECT_THAT(ErrorOf("type = \"trend\"\nscope = \"item\"\nevents = [\"feed.click\"]\nhalf_life = "
                      "\"1h\"\nlong_half_life = \"1h\"\n"),
              testing::HasSubstr("valid is a longer duration"));
}

}  // namespace
}  // namespace gfr
