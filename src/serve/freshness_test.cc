#include "serve/freshness.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(Freshness, TimesEachEventFromWhenItIsDurableToWhenItIsVisible) {
  const std::vector<double> bounds{0.001, 0.01, 0.1, 1};
  Histogram to(bounds);
  Freshness freshness(&to);
  freshness.Wait(/*mark=*/10, /*at_us=*/0, /*events=*/3);
  freshness.Wait(20, 50'000, 2);
  freshness.Wait(20, 60'000, 0);
  EXPECT_EQ(freshness.Visible(9, 70'000).size(), 0u);
  EXPECT_EQ(freshness.Visible(10, 80'000).size(), 1u);
  EXPECT_EQ(to.count(), 3u);
  EXPECT_EQ(to.count_at(2), 3u);
  const auto rest = freshness.Visible(100, 550'000);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].events, 2u);
  EXPECT_EQ(to.count_at(3), 2u);
  EXPECT_DOUBLE_EQ(to.sum(), 3 * 0.08 + 2 * 0.5);
}

TEST(Freshness, KeepsABoundedNumberOfGroupsAndLosesNoEvent) {
  const std::vector<double> bounds{1};
  Histogram to(bounds);
  Freshness freshness(&to);
  constexpr std::int64_t kEvents = 20'000;
  for (std::int64_t i = 0; i < kEvents; ++i) freshness.Wait(i, i * Freshness::kTogetherUs, 1);
  EXPECT_EQ(freshness.waiting(), Freshness::kMost);
  freshness.Visible(kEvents, kEvents * Freshness::kTogetherUs);
  EXPECT_EQ(to.count(), static_cast<std::uint64_t>(kEvents));
  EXPECT_EQ(freshness.waiting(), 0u);
}

}  // namespace
}  // namespace gfr
