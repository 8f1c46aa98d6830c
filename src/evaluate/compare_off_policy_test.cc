#include "evaluate/compare_off_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace gfr {
namespace {

// Draws from pools of four, whose items are clicked at these rates; a target always picks one item.
struct DrawnPools {
  std::vector<double> reward, logged;
  std::vector<std::uint64_t> user, shown;
  DrawnPools(std::uint64_t seed, int draws) {
    static constexpr double kRates[] = {0.3, 0.1, 0.1, 0.05};
    Rng rng(seed);
    for (int i = 0; i < draws; ++i) {
      shown.push_back(rng.Below(4));
      reward.push_back(rng.Uniform() < kRates[shown.back()]);
      logged.push_back(0.25);
      user.push_back(rng.Below(500));
    }
  }
  std::vector<double> Picks(std::uint64_t item) const {
    std::vector<double> target;
    for (const std::uint64_t s : shown) target.push_back(s == item);
    return target;
  }
  LoggedChoices Of(const std::vector<double>& target) const {
    return {.reward = reward, .logged = logged, .target = target, .user = user};
  }
};

TEST(CompareOffPolicy, ShowsWhichOfTwoEarnsMore) {
  const DrawnPools pools(3, 4000);
  const auto best = pools.Picks(0), worst = pools.Picks(3), middle = pools.Picks(1), equal = pools.Picks(2);
  const ComparedOffPolicy worse = CompareChoices(pools.Of(worst), pools.Of(best));
  ASSERT_TRUE(worse.evidence()) << worse.refusal;
  EXPECT_EQ(worse.draws, 4000u);
  EXPECT_NEAR(worse.difference, 0.05 - 0.3, 0.05);
  EXPECT_LT(worse.high, 0);
  EXPECT_GT(CompareChoices(pools.Of(best), pools.Of(worst)).low, 0);
  const ComparedOffPolicy same = CompareChoices(pools.Of(middle), pools.Of(equal));
  EXPECT_LT(same.low, 0);
  EXPECT_GT(same.high, 0);
  const ComparedOffPolicy itself = CompareChoices(pools.Of(best), pools.Of(best));
  EXPECT_EQ(itself.low, 0) << "the draws are the same, and so is their chance";
  EXPECT_EQ(itself.high, 0);
}

TEST(CompareOffPolicy, AnEqualOneIsSeldomShownToBeWorse) {
  int worse = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const DrawnPools pools(seed, 2000);
    worse += CompareChoices(pools.Of(pools.Picks(1)), pools.Of(pools.Picks(2))).high < 0;
  }
  EXPECT_LE(worse, 12);  // 5 are expected.
}

TEST(CompareOffPolicy, TooFewDrawsAreNoEvidence) {
  const DrawnPools pools(3, 200);
  const auto best = pools.Picks(0);
  EXPECT_THAT(CompareChoices(pools.Of(best), pools.Of(best)).refusal, testing::HasSubstr("effective sample"));
  const DrawnPools none(3, 0);
  EXPECT_THAT(CompareChoices(none.Of({}), none.Of({})).refusal, testing::HasSubstr("no rows"));
}

}  // namespace
}  // namespace gfr
