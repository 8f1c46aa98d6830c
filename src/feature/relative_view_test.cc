#include <gtest/gtest.h>

#include <cmath>

#include "feature/test_view.h"

namespace gfr {
namespace {

constexpr char kRelative[] =
    "type = \"relative\"\nscope = \"session\"\nproperty = \"price\"\nevents = [\"feed.click\"]\n"
    "denominator = [\"feed.impression\"]\n";

// Pages of impressions, with clicks and views between and within them.
std::vector<Line> Pages(Rng& rng, int count) {
  std::vector<Line> lines = RandomLines(rng, count, 0);
  int place = 0;
  for (Line& line : lines) {
    if (rng.Chance(0.15)) place = 0;
    line.index = rng.Chance(0.1) ? -1 : place++;
    if (line.type != EventType::kFeedImpression) line.index = -1;
  }
  return lines;
}

TEST(Relative, IsLog2OverThePageLessThatOfWhatWasChosenOfEarlierPages) {
  Rng rng(41);
  TestView v(kRelative);
  v.prices = {8, 0, 40, 20, std::nan(""), 100};
  double mean = 0;
  for (const double price : {8, 40, 20, 100}) mean += std::log2(price) / 4;
  std::vector<double> page, chosen;
  int last = -1;
  for (const Line& line : Pages(rng, 500)) {
    v.Fold(line);
    if (line.type == EventType::kFeedImpression) {
      if (line.index >= 0 && line.index <= last) page.clear();
      if (line.index >= 0) last = line.index;
      if (line.price.number > 0) page.push_back(std::log2(line.price.number));
    } else if (line.type == EventType::kFeedClick && line.price.number > 0 && !page.empty()) {
      double shown = 0;
      for (const double x : page) shown += x / static_cast<double>(page.size());
      chosen.push_back(std::log2(line.price.number) - shown);
    }
    double usual = 0;
    for (const double x : chosen) usual += x / static_cast<double>(chosen.size());
    const auto values = v.Read(line.time_ms);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (chosen.empty() || !(v.prices[i] > 0))
        ASSERT_TRUE(std::isnan(values[i]));
      else
        ASSERT_NEAR(values[i], std::log2(v.prices[i]) - mean - usual, 1e-5);
    }
  }
  EXPECT_GT(chosen.size(), 100u);
}

TEST(Relative, WhoTakesTheDearestIsDrawnToTheDearest) {
  TestView v(kRelative);
  std::int64_t now = 1000;
  for (int i = 0; i < 4; ++i)
    v.Fold({.type = EventType::kFeedImpression,
            .item = Key(i + 1),
            .time_ms = now,
            .price = {10.0 * (i + 1)},
            .index = i});
  v.Fold({.type = EventType::kFeedClick, .item = 4, .time_ms = now + 1, .price = {40.0}, .index = 3});
  v.prices = {1000, 2000, 3000, 4000};  // Elsewhere all is a hundred times dearer, and 4 is again what he takes.
  v.prices.resize(6, std::nan(""));
  EXPECT_NEAR(v.Read(now + 2)[3], 0, 1e-6);
  EXPECT_LT(v.Read(now + 2)[0], -1.9);
}

TEST(Relative, AHistoryCutBetweenPagesReadsLikeTheWhole) {
  Rng rng(42);
  for (int round = 0; round < 60; ++round) {
    TestView v(kRelative);
    TestView::State whole = v.NewState(), a = whole, b = whole;
    std::vector<Line> lines = Pages(rng, 60);
    std::size_t cut = rng.Below(lines.size());
    while (cut < lines.size() && !(lines[cut].type == EventType::kFeedImpression && lines[cut].index == 0)) ++cut;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      v.Fold(lines[i], &whole);
      v.Fold(lines[i], i < cut ? &a : &b);
    }
    ASSERT_EQ(v.Merged(a, b), v.Merged(b, a)) << "not symmetric";
    ASSERT_EQ(v.Merged(a, v.NewState()), v.Merged(v.NewState(), a));
    const auto expected = v.ReadState(whole, 0), got = v.ReadState(v.Merged(a, b), 0);
    for (std::size_t i = 0; i < 6; ++i) {
      ASSERT_EQ(std::isnan(expected[i]), std::isnan(got[i]));
      if (!std::isnan(expected[i])) ASSERT_NEAR(expected[i], got[i], 1e-5);
    }
  }
}

TEST(Relative, RefusesWhatItCannotBe) {
  EXPECT_NE(ErrorOf("type = \"relative\"\nscope = \"session\"\nproperty = \"category\"\nevents = [\"feed.click\"]\n"
                    "denominator = [\"feed.impression\"]\n")
                .find("category"),
            std::string::npos);
  EXPECT_NE(ErrorOf("type = \"relative\"\nscope = \"session\"\nproperty = \"price\"\nevents = [\"feed.click\"]\n")
                .find("denominator"),
            std::string::npos);
}

}  // namespace
}  // namespace gfr
