#include "simulate/user_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gfr {
namespace {

UserMetrics MetricsOf(const UserMetricsConfig& config) {
  auto made = UserMetrics::Make(config);
  EXPECT_TRUE(made.ok());
  return std::move(made).value();
}

struct Sample {
  double n = 0, sum = 0, squares = 0;
  void Add(double x) { ++n, sum += x, squares += x * x; }
  double mean() const { return sum / n; }
  double variance() const { return squares / n - mean() * mean(); }
  double error() const { return std::sqrt(variance() / n); }
};

double Correlate(const std::vector<std::pair<double, double>>& pairs) {
  Sample x, y, both;
  for (const auto& [a, b] : pairs) x.Add(a), y.Add(b), both.Add(a * b);
  return (both.mean() - x.mean() * y.mean()) / std::sqrt(x.variance() * y.variance());
}

constexpr int kUsers = 200'000;

void ExpectMoments(const UserMetricsConfig& config, const ArmEffect& effect, double window_days) {
  const UserMetrics metrics = MetricsOf(config);
  const UserTruth truth = metrics.Truth(effect, window_days);
  Sample conversion, purchases, revenue, returned, opens, clicks;
  SimulatedUser user;
  for (int u = 0; u < kUsers; ++u) {
    metrics.Fill(static_cast<std::uint64_t>(u), effect, &user);
    const std::int64_t end_ms = user.exposure_ms + static_cast<std::int64_t>(window_days * kDayMs);
    const UserSums sums = UserMetrics::Sum(user, user.exposure_ms, end_ms);
    conversion.Add(sums.converted());
    purchases.Add(sums.purchases);
    revenue.Add(sums.revenue);
    opens.Add(sums.opens);
    clicks.Add(sums.clicks);
    returned.Add(UserMetrics::Sum(user, user.exposure_ms, INT64_MAX).returned);
  }
  EXPECT_NEAR(conversion.mean(), truth.conversion, 4 * conversion.error());
  EXPECT_NEAR(purchases.mean(), truth.purchases, 4 * purchases.error());
  EXPECT_NEAR(revenue.mean(), truth.revenue, 4 * revenue.error());
  EXPECT_NEAR(opens.mean(), truth.opens, 4 * opens.error());
  EXPECT_NEAR(clicks.mean(), truth.clicks, 4 * clicks.error());
  if (window_days >= config.days)
    EXPECT_NEAR(returned.mean(), truth.returned, 4 * returned.error() + 0.02 * truth.returned);
}

TEST(UserMetrics, HasTheMomentsThatItsTruthSays) { ExpectMoments({}, {}, 14); }

TEST(UserMetrics, HasThePlantedEffects) {
  ExpectMoments({.seed = 2}, {.conversion = 0.5, .money = 0.3, .opens = 0.2, .clicks = -0.4, .delay = 1}, 7);
}

TEST(UserMetrics, DelaysEveryPurchaseOfAnArm) {
  const UserMetricsConfig config{.seed = 3, .conversion = 0.2, .bought_at_once = 0};
  ExpectMoments(config, {.extra_delay_days = 3}, 7);
  EXPECT_EQ(MetricsOf(config).Truth({.extra_delay_days = 3}, 2).conversion, 0);
}

TEST(UserMetrics, WithoutHistoryNothingComesBeforeAndNothingOfItAfter) {
  const UserMetricsConfig config{.seed = 4, .history_days = 0, .days = 7, .conversion = 0.1};
  ExpectMoments(config, {}, 7);
  const UserMetrics metrics = MetricsOf(config);
  SimulatedUser user;
  for (std::uint64_t u = 0; u < 5000; ++u) {
    metrics.Fill(u, {}, &user);
    for (const UserEvent& e : user.events) EXPECT_GE(e.time_ms, user.exposure_ms);
  }
}

TEST(UserMetrics, MakesAnyUserAlone) {
  const UserMetrics metrics = MetricsOf({.seed = 5});
  SimulatedUser first, again;
  metrics.Fill(123'456'789'012, {}, &first);
  for (std::uint64_t u = 0; u < 50; ++u) metrics.Fill(u, {}, &again);
  metrics.Fill(123'456'789'012, {}, &again);
  ASSERT_EQ(first.events.size(), again.events.size());
  EXPECT_EQ(first.exposure_ms, again.exposure_ms);
  for (std::size_t k = 0; k < first.events.size(); ++k) {
    EXPECT_EQ(first.events[k].time_ms, again.events[k].time_ms);
    EXPECT_EQ(first.events[k].value, again.events[k].value);
  }
}

TEST(UserMetrics, AnEffectMovesNothingElseOfItsUser) {
  const UserMetrics metrics = MetricsOf({.seed = 6, .conversion = 0.3});
  SimulatedUser plain, better;
  int gained = 0;
  for (std::uint64_t u = 0; u < 3000; ++u) {
    metrics.Fill(u, {}, &plain);
    metrics.Fill(u, {.conversion = 0.1}, &better);
    EXPECT_EQ(plain.exposure_ms, better.exposure_ms);
    const UserSums a = UserMetrics::Sum(plain, INT64_MIN, INT64_MAX),
                   b = UserMetrics::Sum(better, INT64_MIN, INT64_MAX);
    EXPECT_EQ(a.opens, b.opens);
    EXPECT_GE(b.purchases, a.purchases);
    gained += b.purchases > a.purchases;
  }
  EXPECT_GT(gained, 30);
}

TEST(UserMetrics, LosesTheShareOfAnArmThatLosesUsers) {
  const UserMetrics metrics = MetricsOf({});
  SimulatedUser user;
  Sample lost;
  for (std::uint64_t u = 0; u < 100'000; ++u) {
    metrics.Fill(u, {.lost = 0.02}, &user);
    lost.Add(!user.exposed);
    if (!user.exposed) EXPECT_EQ(UserMetrics::Sum(user, user.exposure_ms, INT64_MAX).opens, 0);
  }
  EXPECT_NEAR(lost.mean(), 0.02, 4 * lost.error());
}

TEST(UserMetrics, MoneyHasTheLogDeviationThatIsAsked) {
  for (const double log_sd : {0.5, 2.0}) {
    const UserMetrics metrics = MetricsOf({.conversion = 0.25, .money_log_sd = log_sd});
    SimulatedUser user;
    Sample logs;
    for (std::uint64_t u = 0; u < 100'000; ++u) {
      metrics.Fill(u, {}, &user);
      for (const UserEvent& e : user.events) {
        if (e.kind == UserEventKind::kPurchase && e.time_ms >= user.exposure_ms) {
          logs.Add(std::log(e.value));
          break;
        }
      }
    }
    EXPECT_NEAR(std::sqrt(logs.variance()), log_sd, 0.03 * log_sd);
  }
}

TEST(UserMetrics, ReturningUsersAreAsTheyWere) {
  const UserMetrics metrics = MetricsOf({.seed = 8});
  SimulatedUser user;
  std::vector<std::pair<double, double>> opens;
  Sample by_stratum[UserMetrics::kStrata];
  double is_new = 0;
  for (std::uint64_t u = 0; u < 50'000; ++u) {
    metrics.Fill(u, {}, &user);
    const double before = UserMetrics::Sum(user, INT64_MIN, user.exposure_ms).opens;
    const double after = UserMetrics::Sum(user, user.exposure_ms, INT64_MAX).opens;
    by_stratum[user.stratum].Add(after);
    is_new += user.is_new;
    if (user.is_new)
      EXPECT_EQ(before, 0);
    else
      opens.emplace_back(before, after);
  }
  EXPECT_GT(Correlate(opens), 0.6);  // What CUPED takes out.
  EXPECT_NEAR(is_new / 50'000, 0.2, 0.01);
  EXPECT_LT(by_stratum[0].mean() * 1.3, by_stratum[1].mean());
  EXPECT_LT(by_stratum[1].mean() * 1.3, by_stratum[2].mean());
}

TEST(UserMetrics, FollowsTheHoursAndEnrolsActiveUsersFirst) {
  const UserMetrics metrics = MetricsOf({.seed = 9});
  SimulatedUser user;
  Sample early, late;
  double night = 0, evening = 0;
  for (std::uint64_t u = 0; u < 50'000; ++u) {
    metrics.Fill(u, {}, &user);
    ASSERT_GE(user.exposure_ms, 0);
    ASSERT_LT(user.exposure_ms, 14 * kDayMs);
    const auto hour = user.exposure_ms / 3'600'000 % 24;
    night += hour >= 2 && hour < 5;
    evening += hour >= 19 && hour < 22;
    (user.exposure_ms < 3 * kDayMs ? early : late).Add(UserMetrics::Sum(user, user.exposure_ms, INT64_MAX).opens);
  }
  EXPECT_GT(evening, 10 * night);
  EXPECT_GT(early.mean(), 1.2 * late.mean());
}

TEST(UserMetrics, RefusesWhatIsOutOfRange) {
  EXPECT_FALSE(UserMetrics::Make({.conversion = 0.5, .conversion_power = 2}).ok());
  EXPECT_FALSE(UserMetrics::Make({.opens_a_day = 0}).ok());
  EXPECT_FALSE(UserMetrics::Make({.returned = 1.5}).ok());
  EXPECT_FALSE(UserMetrics::Make({.money_log_sd = -1}).ok());
}

}  // namespace
}  // namespace gfr
