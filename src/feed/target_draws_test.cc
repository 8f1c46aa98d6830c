#include "feed/target_draws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gfr {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

// Four candidates: one of popularity, three that explore; the third was shown at position 5.
std::vector<EventItem> DrawnItems() {
  std::vector<EventItem> items(4);
  for (std::size_t i = 0; i < items.size(); ++i) items[i].channel = i == 0 ? "popularity" : "explore";
  items[2].index = 5;
  return items;
}

TEST(TargetDraws, APoolSaysWhatExploresAndWhatStandsThereOtherwise) {
  const std::vector<EventItem> items = DrawnItems();
  const DrawnPool by_coin = ReadPool({.position = 5, .pool = {0, 1, 2}, .probability = {0.5f, 0.25f, 0.25f}}, items);
  EXPECT_THAT(by_coin.explored, ElementsAre(0, 1, 1));
  EXPECT_EQ(by_coin.otherwise, 0u);
  EXPECT_EQ(by_coin.shown, 2u);
  EXPECT_EQ(ReadPool({.position = 5, .pool = {1, 2, 3}, .probability = {0.2f, 0.2f, 0.6f}}, items).otherwise, 2u)
      << "what the explore channel brought, too, can stand there otherwise";
  const DrawnPool always = ReadPool({.position = 5, .pool = {1, 2, 3}, .probability = {}}, items);
  EXPECT_EQ(always.otherwise, DrawnPool::kNone);
  EXPECT_THAT(always.logged, Pointwise(DoubleNear(1e-12), {1.0 / 3, 1.0 / 3, 1.0 / 3}));
  EXPECT_EQ(ReadPool({.position = 4, .pool = {1, 2}, .probability = {}}, items).shown, DrawnPool::kNone);
  EXPECT_TRUE(ReadPool({.position = 5, .pool = {1, 9}, .probability = {}}, items).logged.empty());
  EXPECT_TRUE(ReadPool({.position = 5, .pool = {1, 2}, .probability = {1.0f}}, items).logged.empty());
}

TEST(TargetDraws, DrawByExploreRateScoresAndTemperature) {
  const DrawnPool pool{.logged = {0.4, 0.3, 0.3}, .explored = {0, 1, 1}, .otherwise = 0, .shown = 0};
  const std::vector<double> scores{5, 1, 3};
  const auto of = [&](const TargetDraws& target) { return ProbabilitiesOf(target, pool, scores); };
  EXPECT_THAT(of({.explore_rate = 0.5}), ElementsAre(0.5, 0.25, 0.25));
  EXPECT_THAT(of({.explore_rate = 0.5, .temperature = 0}), ElementsAre(0.5, 0, 0.5));
  const double e = std::exp(-1.0);
  EXPECT_THAT(of({.explore_rate = 1, .temperature = 2}), Pointwise(DoubleNear(1e-12), {0.0, e / (1 + e), 1 / (1 + e)}));
  const std::vector<double> other{1, 4, std::nan("")};
  EXPECT_THAT(ProbabilitiesOf({.explore_rate = 0.25, .temperature = 0, .best_stands = true}, pool, other),
              ElementsAre(0, 1, 0))
      << "by its own formula, what has no value last";
  EXPECT_THAT(ProbabilitiesOf({.explore_rate = 0, .best_stands = false}, pool, other), ElementsAre(1, 0, 0));
}

TEST(TargetDraws, WhatStandsThereOtherwiseIsMissingWhereTheLogAlwaysExplored) {
  const DrawnPool pool{.logged = {0.5, 0.5}, .explored = {1, 1}, .otherwise = DrawnPool::kNone, .shown = 0};
  EXPECT_THAT(ProbabilitiesOf({.explore_rate = 0.5}, pool, std::vector<double>{1, 2}), ElementsAre(0.25, 0.25));
}

}  // namespace
}  // namespace gfr
