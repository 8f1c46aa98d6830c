// The counts against the definition in words, computed from the list of all events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Count, IsTheEventsOfItsTilesHoweverTheyCame) {
  Rng rng(1);
  for (int round = 0; round < 20; ++round) {
    TestView h("type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"6h\"\ntiles = 6\n");
    std::vector<Line> lines = RandomLines(rng, 60), seen;
    for (const Line& line : lines) {
      h.Fold(line);
      seen.push_back(line);
      std::int64_t now = 0;
      for (const Line& s : seen) now = std::max(now, s.time_ms);
      const std::int64_t first = (now / kHourMs - 5) * kHourMs;
      int expected = 0;
      for (const Line& s : seen) expected += s.type == EventType::kFeedClick && s.time_ms >= first && s.time_ms <= now;
      ASSERT_EQ(h.Read(now)[0], static_cast<float>(expected));
    }
  }
}

TEST(Count, MergesPartsOfAnySplitToTheWhole) {
  Rng rng(2);
  const TestView h(
      "type = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nwindow = "
      "\"6h\"\ntiles = 6\nprior_weight = 10\n");
  for (int round = 0; round < 50; ++round) {
    auto whole = h.NewState(), a = h.NewState(), b = h.NewState();
    for (const Line& line : RandomLines(rng, 80)) {
      h.Fold(line, &whole);
      h.Fold(line, rng.Chance(0.5) ? &a : &b);
    }
    auto ab = b, ba = a;
    h.view().Merge(reinterpret_cast<std::byte*>(a.data()), reinterpret_cast<std::byte*>(ab.data()));
    h.view().Merge(reinterpret_cast<std::byte*>(b.data()), reinterpret_cast<std::byte*>(ba.data()));
    ASSERT_EQ(ab, whole);
    ASSERT_EQ(ba, whole);
  }
}

TEST(Rate, IsShrunkToTheShopsRate) {
  TestView h(
      "type = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\nprior_weight "
      "= 10\n");
  auto shop = h.NewState();
  for (int i = 0; i < 100; ++i) h.Fold({EventType::kFeedImpression, 1, 1000}, &shop);
  for (int i = 0; i < 5; ++i) h.Fold({EventType::kFeedClick, 1, 1000}, &shop);
  for (int i = 0; i < 10; ++i) h.Fold({EventType::kFeedImpression, 1, 1000});
  for (int i = 0; i < 3; ++i) h.Fold({EventType::kFeedClick, 1, 1000});
  EXPECT_EQ(h.Read(2000, &shop)[0], static_cast<float>((3 + 10 * 0.05) / (10 + 10)));
  const auto nothing = h.NewState();
  EXPECT_TRUE(std::isnan(h.Read(2000, &nothing)[0])) << "no shop, no rate";
}

TEST(DecayedCount, HalvesEveryHalfLife) {
  Rng rng(3);
  TestView h("type = \"decayed_count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nhalf_life = \"1h\"\n");
  double expected = 0;
  std::int64_t now = 0;
  for (Line line : RandomLines(rng, 100)) {
    line.time_ms = std::max(line.time_ms, now);
    expected *= std::exp2(-static_cast<double>(line.time_ms - now) / static_cast<double>(kHourMs));
    now = line.time_ms;
    expected += line.type == EventType::kFeedClick;
    h.Fold(line);
    ASSERT_NEAR(h.Read(now)[0], expected, 1e-5);
  }
  EXPECT_NEAR(h.Read(now + 2 * kHourMs)[0], expected / 4, 1e-6);
}

TEST(Since, IsTheSecondsSinceTheGreatestEventTime) {
  TestView h("type = \"since\"\nscope = \"user\"\nevents = [\"feed.click\"]\n");
  EXPECT_TRUE(std::isnan(h.Read(5000)[0]));
  h.Fold({EventType::kFeedClick, 1, 10'000});
  h.Fold({EventType::kFeedClick, 1, 4'000});
  h.Fold({EventType::kItemView, 1, 12'000});
  EXPECT_EQ(h.Read(15'000)[0], 5.0f);
}

}  // namespace
}  // namespace gfr
