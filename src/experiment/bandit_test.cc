#include "experiment/bandit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace gfr {
namespace {

ArmRewards RewardsOf(double users, double rate) { return {users, users * rate, users * rate}; }

TEST(ProbabilityOfBest, IsTheClosedFormOfTwoArms) {
  Rng rng(1);
  for (int n = 0; n < 200; ++n) {
    const std::vector<double> means{rng.Normal(), rng.Normal()};
    const std::vector<double> deviations{0.1 + rng.Uniform(), 0.1 + rng.Uniform()};
    const double z = (means[0] - means[1]) / std::hypot(deviations[0], deviations[1]);
    const auto best = ProbabilityOfBest(means, deviations);
    EXPECT_NEAR(best[0], 0.5 * std::erfc(-z / std::sqrt(2.0)), 1e-10);
    EXPECT_NEAR(best[0] + best[1], 1, 1e-12);
  }
}

TEST(ProbabilityOfBest, IsTheShareOfDrawsOfMoreArms) {
  const std::vector<double> means{0.1, 0.2, 0.15, 0}, deviations{0.1, 0.02, 0.2, 0.3};
  const auto best = ProbabilityOfBest(means, deviations);
  std::vector<double> drawn(4);
  Rng rng(2);
  constexpr int kDraws = 200'000;
  for (int n = 0; n < kDraws; ++n) {
    std::size_t top = 0;
    double most = -1e9;
    for (std::size_t k = 0; k < 4; ++k) {
      const double x = means[k] + deviations[k] * rng.Normal();
      if (x > most) most = x, top = k;
    }
    drawn[top] += 1.0 / kDraws;
  }
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(drawn[k], best[k], 4 * std::sqrt(best[k] / kDraws));
}

TEST(ThompsonAllocation, StartsEvenAndKeepsItsFloor) {
  const auto even = ThompsonAllocation(std::vector<ArmRewards>(4), 0.05);
  ASSERT_TRUE(even.ok());
  for (const double p : even.value()) EXPECT_NEAR(p, 0.25, 1e-9);
  const auto clear =
      ThompsonAllocation(std::vector{RewardsOf(10'000, 0.05), RewardsOf(10'000, 0.1), RewardsOf(10'000, 0.02)}, 0.05);
  ASSERT_TRUE(clear.ok());
  EXPECT_NEAR(clear.value()[0], 0.05, 1e-6);
  EXPECT_NEAR(clear.value()[1], 0.9, 1e-6);
  EXPECT_NEAR(std::accumulate(clear.value().begin(), clear.value().end(), 0.0), 1, 1e-12);
}

TEST(ThompsonAllocation, RefusesWhatItCannotUse) {
  EXPECT_FALSE(ThompsonAllocation({}, 0).ok());
  EXPECT_FALSE(ThompsonAllocation(std::vector<ArmRewards>(3), 0.4).ok());
  EXPECT_FALSE(ThompsonAllocation(std::vector<ArmRewards>(3), -0.1).ok());
  EXPECT_FALSE(ThompsonAllocation(std::vector<ArmRewards>{{10, 11, 3}}, 0).ok());
}

TEST(ArmValue, CoversTheMeansAtAllTimesUnderAllocationsThatFollowWhatWasSeen) {
  constexpr int kRuns = 300;
  const std::vector<double> rates{0.1, 0.3};
  int missed = 0;
  double width = 0;
  for (int run = 0; run < kRuns; ++run) {
    Rng rng(static_cast<std::uint64_t>(run));
    std::vector<ArmRewards> arms(2);
    std::vector<ArmValue> values(2, ArmValue(0.05));
    std::vector<double> allocation{0.5, 0.5};
    bool outside = false;
    for (int user = 0; user < 2000; ++user) {
      if (user % 200 == 0) allocation = ThompsonAllocation(arms, 0.1).value();
      const std::size_t arm = rng.Chance(allocation[0]) ? 0 : 1;
      const double reward = rng.Chance(rates[arm]) ? 1 : 0;
      arms[arm].Add(reward);
      for (std::size_t k = 0; k < 2; ++k) {
        values[k].Add(k == arm, allocation[k], reward);
        outside = outside || (k == 1 && (values[k].low() > rates[k] || values[k].high() < rates[k]));
      }
    }
    missed += outside;
    width += (values[1].high() - values[1].low()) / kRuns;
  }
  EXPECT_LE(missed, 0.05 * kRuns);
  EXPECT_LT(width, 0.15);
}

TEST(ArmValue, KnowsNothingBeforeAnyUser) {
  const ArmValue value(0.05);
  EXPECT_EQ(value.low(), 0);
  EXPECT_EQ(value.high(), 1);
}

}  // namespace
}  // namespace gfr
