#include "experiment/pooled_variants.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace gfr {
namespace {

TEST(PooledVariants, AreOneArmWithTheUnitsOfAllAndDecideNothing) {
  const ExperimentDesign design{
      .name = "colours", .arms = {"control", "red", "blue", "green"}, .weights = {1, 1, 1, 1}, .planned_n = 6000};
  std::vector<MetricConfig> metrics(1);
  metrics[0] = {.name = "bought", .measure = MetricConfig::Measure::kAny, .role = MetricConfig::Role::kDecision};
  MetricSample by_arm(4), two(2);
  Rng rng(1);
  for (int i = 0; i < 24'000; ++i) {
    const std::size_t arm = rng.Below(4);
    UnitMetric unit;
    unit.value = rng.Chance(arm == 0 ? 0.1 : 0.112);
    by_arm.Add(arm, unit, false, INFINITY, static_cast<Key>(i));
    two.Add(arm > 0, unit, false, INFINITY, static_cast<Key>(i));
  }
  const ExperimentResults results = AnalyzeSamples(design, metrics, {by_arm}, {{6000, 6000, 6000, 6000}}, 0, kDayMs);
  ASSERT_EQ(results.metrics.size(), 3u);
  ASSERT_EQ(results.pooled.size(), 1u);
  const MetricResult& pooled = results.pooled[0];
  const ExperimentDesign whole{.name = "colours", .arms = {"control", "all"}, .weights = {1, 3}, .planned_n = 12'000};
  const ExperimentResults expected = AnalyzeSamples(whole, metrics, {two}, {{6000, 18'000}}, 0, kDayMs);
  EXPECT_EQ(pooled.arm, "all variants");
  EXPECT_EQ(pooled.absolute.value, expected.metrics[0].absolute.value);
  EXPECT_EQ(pooled.absolute.se, expected.metrics[0].absolute.se);
  EXPECT_EQ(pooled.tested_absolute.interval.low, expected.metrics[0].tested_absolute.interval.low);
  EXPECT_EQ(pooled.p, expected.metrics[0].p);
  EXPECT_TRUE(expected.pooled.empty()) << "one variant is no pool";
  for (const MetricResult& r : results.metrics) EXPECT_GT(r.absolute.se, pooled.absolute.se);
}

TEST(PooledVariants, CountEarlyConversionsAgainstTheSharesOfAll) {
  const ExperimentDesign design{
      .name = "early", .arms = {"control", "a", "b"}, .weights = {2, 1, 1}, .planned_n = 5000};
  std::vector<MetricConfig> metrics(1);
  metrics[0] = {.name = "bought", .measure = MetricConfig::Measure::kAny, .role = MetricConfig::Role::kDecision};
  MetricSample sample(3);
  for (int i = 0; i < 40; ++i) {  // As many as the design has.
    UnitMetric unit;
    unit.value = 1;
    sample.Add(i % 2 == 0 ? 0 : i % 4 == 1 ? 1 : 2, unit, false, INFINITY, static_cast<Key>(i));
  }
  const ExperimentResults results = AnalyzeSamples(design, metrics, {sample}, {{20, 10, 10}}, 0, kDayMs);
  ASSERT_EQ(results.pooled.size(), 1u);
  EXPECT_TRUE(results.pooled[0].early);
  EXPECT_GT(results.pooled[0].p, 0.5);
}

}  // namespace
}  // namespace gfr
