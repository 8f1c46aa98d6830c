#include "rank/diversity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/rng.h"

namespace gfr {
namespace {

TEST(Diversity, AnItemLosesForBeingLikeOneThatIsBetter) {
  const std::vector<double> value{10, 9, 8, 7};
  const std::vector<Key> category{1, 1, 2, 0}, brand{5, 6, 5, 5};
  // Scale: 0.5 x the mean of 10 and 9. Item 1 is half like item 0, item 2 too, item 3 half like it by brand.
  const std::vector<double> worth = MarginalValues(value, {category, brand}, 0.5, 2);
  const double half = 0.5 * 0.5 * 9.5;
  EXPECT_EQ(worth, (std::vector<double>{10, 9 - half, 8 - half, 7 - half}));
}

TEST(Diversity, WithoutItOrWithoutCategoriesValuesStay) {
  const std::vector<double> value{3, 2, 1};
  const std::vector<Key> category{1, 1, 1};
  EXPECT_EQ(MarginalValues(value, {category}, 0, 3), value);
  EXPECT_EQ(MarginalValues(value, {}, 1, 3), value);
}

TEST(Diversity, WhatIsPinnedIsTakenFirst) {
  const std::vector<double> value{10, 9, 1};
  const std::vector<Key> category{1, 2, 2};
  const std::uint32_t pinned[] = {2};
  const std::vector<double> worth = MarginalValues(value, {category}, 1, 2, pinned);
  EXPECT_EQ(worth[0], 10);
  EXPECT_DOUBLE_EQ(worth[1], 9 - 9.5);
  EXPECT_EQ(worth[2], 1);
}

TEST(Diversity, ItIsTheGreedyChoiceByItsDefinition) {
  Rng rng(4);
  for (int run = 0; run < 50; ++run) {
    constexpr std::size_t kItems = 30, kSize = 8;
    std::vector<double> value;
    std::vector<Key> a, b;
    for (std::size_t i = 0; i < kItems; ++i) {
      value.push_back(rng.Normal());
      a.push_back(rng.Below(4));
      b.push_back(rng.Below(3));
    }
    std::vector<double> sorted = value;
    std::ranges::sort(sorted, std::greater<>());
    double scale = 0;
    for (std::size_t i = 0; i < kSize; ++i) scale += 0.7 * std::fabs(sorted[i]) / kSize;
    std::vector<std::size_t> taken;
    const auto marginal = [&](std::size_t i) {
      double most = 0;
      for (const std::size_t t : taken)
        most = std::max(most, ((a[i] != 0 && a[i] == a[t]) + (b[i] != 0 && b[i] == b[t])) / 2.0);
      return value[i] - scale * most;
    };
    const std::vector<double> worth = MarginalValues(value, {a, b}, 0.7, kSize);
    for (std::size_t step = 0; step < 2 * kSize; ++step) {
      std::size_t best = kItems;
      for (std::size_t i = 0; i < kItems; ++i) {
        if (std::ranges::find(taken, i) != taken.end()) continue;
        if (best == kItems || marginal(i) > marginal(best)) best = i;
      }
      ASSERT_NEAR(worth[best], marginal(best), 1e-12) << run;
      taken.push_back(best);
    }
  }
}

}  // namespace
}  // namespace gfr
