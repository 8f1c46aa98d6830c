#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "feature/test_view.h"

namespace gfr {
namespace {

constexpr char kMoved[] =
    "type = \"place\"\nread = \"moved\"\nscope = \"session\"\nevents = [\"feed.impression\"]\ncapacity = 4\n";
constexpr char kFromMean[] = "type = \"place\"\nread = \"from_mean\"\nscope = \"session\"\nevents = [\"feed.click\"]\n";

std::vector<Line> PlacedLines(Rng& rng, int count, double late) {
  std::vector<Line> lines = RandomLines(rng, count, late);
  for (Line& line : lines) line.index = static_cast<std::int32_t>(rng.Below(10)) - 1;  // -1: unknown.
  return lines;
}

TEST(Place, MovedIsTheRankLessThatOfTheLatestImpressionRemembered) {
  Rng rng(31);
  TestView v(kMoved);
  std::vector<Key> order;  // Latest last.
  std::map<Key, int> place;
  for (const Line& line : PlacedLines(rng, 400, 0.1)) {
    v.Fold(line);
    if (line.type == EventType::kFeedImpression && line.index >= 0) {
      std::erase(order, line.item);
      order.push_back(line.item);
      place[line.item] = line.index;
    }
    const auto values = v.Read(line.time_ms);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = std::ranges::find(order, Key{i + 1});
      if (at == order.end() || order.end() - at > 4)
        ASSERT_TRUE(std::isnan(values[i]));
      else
        ASSERT_EQ(values[i], static_cast<float>(i) - static_cast<float>(place[i + 1]));
    }
  }
}

TEST(Place, FromMeanIsTheRankLessTheMeanPlaceOfClicks) {
  Rng rng(32);
  TestView v(kFromMean);
  double sum = 0, count = 0;
  EXPECT_TRUE(std::isnan(v.Read(0)[0]));
  for (const Line& line : PlacedLines(rng, 200, 0.1)) {
    v.Fold(line);
    if (line.type == EventType::kFeedClick && line.index >= 0) {
      sum += line.index;
      ++count;
    }
    const auto values = v.Read(line.time_ms);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (count > 0)
        ASSERT_EQ(values[i], static_cast<float>(static_cast<double>(i) - sum / count));
      else
        ASSERT_TRUE(std::isnan(values[i]));
    }
  }
}

TEST(Place, APageSeenAgainHasMovedNowhere) {
  TestView v(kMoved);
  for (int i = 0; i < 4; ++i)
    v.Fold({.type = EventType::kFeedImpression, .item = Key(i + 1), .time_ms = 1000, .step = false, .index = i});
  const auto values = v.Read(2000);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(values[i], 0);
  EXPECT_TRUE(std::isnan(values[4]));
  v.unknown_user = true;
  EXPECT_TRUE(std::isnan(v.Read(2000)[0]));
}

// A history cut in two, or dealt to two, and joined again. Two histories that interleave forget other items than one
// does, so `moved` remembers all six here.
TEST(Place, JoinedHistoriesReadLikeTheWhole) {
  for (std::string feature : {kMoved, kFromMean}) {
    if (feature == kMoved) feature.replace(feature.find("capacity = 4"), 12, "capacity = 6");
    Rng rng(33);
    for (int round = 0; round < 60; ++round) {
      TestView v(feature);
      TestView::State whole = v.NewState(), a = whole, b = whole;
      const std::vector<Line> lines = PlacedLines(rng, 40, 0);
      for (const Line& line : lines) {
        v.Fold(line, &whole);
        v.Fold(line, rng.Chance(0.5) ? &a : &b);
      }
      ASSERT_EQ(v.Merged(a, b), v.Merged(b, a)) << "not symmetric";
      ASSERT_EQ(v.Merged(a, v.NewState()), v.Merged(v.NewState(), a));
      const auto expected = v.ReadState(whole, 0), got = v.ReadState(v.Merged(a, b), 0);
      for (std::size_t i = 0; i < 6; ++i) ASSERT_TRUE(Same(expected[i], got[i])) << feature;
    }
  }
}

TEST(Place, RefusesWhatItCannotBe) {
  EXPECT_NE(ErrorOf("type = \"place\"\nread = \"moved\"\nscope = \"item\"\nevents = [\"feed.click\"]\n").find("scope"),
            std::string::npos);
  EXPECT_NE(ErrorOf("type = \"place\"\nread = \"far\"\nscope = \"session\"\nevents = [\"feed.click\"]\n").find("far"),
            std::string::npos);
}

}  // namespace
}  // namespace gfr
