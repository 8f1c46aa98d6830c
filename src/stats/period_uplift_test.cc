#include "stats/period_uplift.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace gfr {
namespace {

TEST(PeriodUplift, OfOnePeriodIsTheDifferenceOfMeans) {
  PeriodUplift uplift;
  Sums arms[2];
  Rng rng(2);
  for (std::uint64_t u = 0; u < 1000; ++u) {
    const bool held = u % 10 == 0;
    const double value = rng.Normal() + (held ? 0 : 1);
    uplift.Add(u, 5, held, value);
    arms[held ? 1 : 0].Add(value);
  }
  const Difference got = uplift.Cumulative();
  EXPECT_NEAR(got.value, arms[0].mean() - arms[1].mean(), 1e-12);
  // But for n - 1.
  EXPECT_NEAR(got.se, AbsoluteDifference(EstimateMean(arms[1]), EstimateMean(arms[0])).se, 0.01 * got.se);
  EXPECT_TRUE(std::isnan(PeriodUplift().Cumulative().value));
}

TEST(PeriodUplift, CoversAPlantedUpliftOverSixPeriodsOfReturningUsers) {
  Rng rng(9);
  constexpr int kRuns = 1000;
  int covered = 0;
  for (int run = 0; run < kRuns; ++run) {
    PeriodUplift uplift;
    for (std::uint64_t u = 0; u < 600; ++u) {
      const bool held = rng.Chance(0.2);
      const double liking = rng.Exponential(1);  // The user's own, in every period.
      for (int period = 0; period < 6; ++period) {
        if (!rng.Chance(0.6)) continue;
        uplift.Add(u, period, held, liking * (held ? 1 : 1.1) + 0.3 * rng.Normal());
      }
    }
    const Difference got = uplift.Cumulative();
    covered += std::fabs(got.value - 0.6) <= 1.959963984540054 * got.se;  // Six times 10 % of 1.
  }
  EXPECT_GE(covered, 0.93 * kRuns);
  EXPECT_LE(covered, 0.97 * kRuns);
}

}  // namespace
}  // namespace gfr
