#include "experiment/holdout_results.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "experiment/portfolio.h"

namespace gfr {
namespace {

constexpr std::int64_t kOrigin = 1'700'000'000'000;

Event HoldoutFeedOf(const std::string& user, const std::string& arm, std::int64_t at_ms) {
  Event e{.type = EventType::kFeedRequest, .time_ms = at_ms, .user_id = user};
  e.served.experiments = {{kHoldoutName, arm, false}};
  return e;
}

std::vector<MetricConfig> OnePurchases() {
  return {{.name = "purchases",
           .measure = MetricConfig::Measure::kCount,
           .events = {EventType::kPurchase},
           .window_ms = kHourMs,
           .lateness_ms = 0}};
}

TEST(Holdout, AUserCountsOnceAPeriodFromTheirFirstRequestToItsEnd) {
  const Holdout holdout{.share = 0.5, .rotate_ms = 2800 * kDayMs, .period_ms = 28 * kDayMs};
  const ClusterConfig periods = PeriodsOfHoldout(holdout);
  const std::int64_t begin = periods.EndMs(kOrigin), end = periods.EndMs(begin);
  EXPECT_EQ(periods.BeginMs(begin), begin);
  EXPECT_EQ(end - begin, 28 * kDayMs);
  MetricFold fold(OnePurchases(), {{kHoldoutName, {.clusters = periods, .whole_periods = true}}});
  std::uint64_t offset = 0;
  const auto add = [&](Event e) { fold.Add({.offset = offset++, .arrival_ms = e.time_ms, .event = std::move(e)}); };
  const auto buy = [&](const std::string& user, std::int64_t at_ms) {
    add({.type = EventType::kPurchase, .time_ms = at_ms, .user_id = user});
  };
  buy("a", begin + kHourMs);  // Before their first request.
  add(HoldoutFeedOf("a", "in", begin + 2 * kHourMs));
  add(HoldoutFeedOf("b", "out", begin + 3 * kHourMs));
  buy("a", begin + 9 * kDayMs);  // Beyond the metric's window, within the period.
  buy("b", end - 1);
  buy("b", end);  // Before the first request of the next period.
  add(HoldoutFeedOf("b", "out", end + kDayMs));
  add(HoldoutFeedOf("a", "in", end + kDayMs));
  buy("b", end + 2 * kDayMs);
  buy("b", end + 3 * kDayMs);
  const auto result_at = [&](std::int64_t now_ms) {
    const auto units = fold.Finish({.left_out = [](Key) { return false; }, .now_ms = now_ms, .cuts = {}});
    return AnalyzeHoldout(holdout, OnePurchases(), units.at(0));
  };
  ASSERT_EQ(result_at(end).metrics.at(0).periods.size(), 1u) << "the second period is not over";
  EXPECT_EQ(result_at(end).metrics[0].periods[0].uplift, 0);
  const HoldoutResult both = result_at(end + 28 * kDayMs);
  ASSERT_EQ(both.metrics.at(0).periods.size(), 2u);
  EXPECT_EQ(both.metrics[0].periods[1].uplift, 2);
  EXPECT_EQ(both.metrics[0].cumulative.value, 2);
  const auto json = HoldoutJson(both, holdout, OnePurchases());
  EXPECT_EQ(json["metrics"][0]["periods"][1]["in"], 1);
}

TEST(Holdout, ANewSeriesBeginsAPeriodWhereverTheLastOneWas) {
  const ClusterConfig periods = PeriodsOfHoldout({.share = 0.02, .rotate_ms = 100 * kDayMs, .period_ms = 28 * kDayMs});
  const std::int64_t series = kOrigin / (100 * kDayMs) * (100 * kDayMs);
  EXPECT_EQ(periods.BeginMs(series + 99 * kDayMs), series + 84 * kDayMs);
  EXPECT_EQ(periods.EndMs(series + 99 * kDayMs), series + 100 * kDayMs);
  EXPECT_EQ(periods.BeginMs(series + 100 * kDayMs), series + 100 * kDayMs);
}

// Units of six periods, with people who come back, and a planted uplift a period.
ExperimentUnits SixPeriods(std::uint64_t seed, double uplift, const Holdout& holdout) {
  ExperimentUnits units{.experiment = kHoldoutName, .arms = {"in", "out"}, .start_ms = 1, .caps = {{}}, .units = {}};
  Rng rng(seed);
  for (int user = 0; user < 3000; ++user) {
    const std::size_t arm = rng.Chance(0.9);
    const double liking = rng.Exponential(1);
    for (int p = 0; p < 6; ++p) {
      if (!rng.Chance(0.6)) continue;
      ExposedUnit unit{.person = static_cast<Key>(user + 1), .arm = arm, .exposure_ms = p * holdout.period_ms + 5};
      unit.metrics.resize(1);
      unit.metrics[0] = {.mature = true,
                         .value = static_cast<double>(rng.Poisson(liking + uplift * static_cast<double>(arm)))};
      units.units.push_back(unit);
    }
  }
  return units;
}

TEST(Holdout, TheIntervalCoversAPlantedUpliftOverSixPeriods) {
  const Holdout holdout;
  int covered = 0;
  constexpr int kRuns = 1000;
  for (int run = 0; run < kRuns; ++run) {
    const auto got =
        AnalyzeHoldout(holdout, OnePurchases(), SixPeriods(static_cast<std::uint64_t>(run) + 1, 0.1, holdout));
    covered += got.metrics.at(0).interval.low <= 0.6 && got.metrics.at(0).interval.high >= 0.6;
  }
  EXPECT_GE(covered, 930);
  EXPECT_LE(covered, 970);
}

TEST(Portfolio, EffectsOfConcludedExperimentsAreDrawnTogether) {
  const std::vector<MetricConfig> metrics = OnePurchases();
  std::vector<ExperimentResults> results;
  Conclusions conclusions;
  for (int e = 0; e < 5; ++e) {
    ExperimentResults one{.design = {.name = "e" + std::to_string(e), .arms = {"a", "b"}, .weights = {1, 1}}};
    MetricResult r{.metric = 0, .arm = "b"};
    r.relative = {.n = 1000, .value = 0.02 * e, .se = 0.02};
    one.metrics.push_back(r);
    if (e < 4) conclusions.by_experiment[one.design.name] = {"stopped", "", 0};
    results.push_back(std::move(one));
  }
  conclusions.by_experiment["e3"].decision = Conclusion::kRestarted;  // It runs again.
  const Portfolio got = MakePortfolio(results, metrics, conclusions);
  ASSERT_EQ(got.effects.size(), 3u);
  EXPECT_NEAR(got.prior.mean, 0.02, 1e-9);
  EXPECT_LT(got.effects[2].shrunk.value, 0.04);
  EXPECT_GT(got.effects[0].shrunk.value, 0) << "shrinkage is towards the mean, up too";
  EXPECT_EQ(PortfolioJson(got)["effects"].size(), 3u);
  conclusions.by_experiment.erase("e0"), conclusions.by_experiment.erase("e1");
  EXPECT_TRUE(MakePortfolio(results, metrics, conclusions).effects.empty()) << "one effect has nothing to be drawn to";
}

}  // namespace
}  // namespace gfr
