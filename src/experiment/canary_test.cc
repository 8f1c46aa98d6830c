#include "experiment/canary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiment/allocation.h"
#include "experiment/assignment.h"
#include "experiment/results.h"
#include "experiment/test_experiments.h"

namespace gfr {
namespace {

using testing::HasSubstr;

Canary CanaryOfTest() {
  return {.run = "01800000000000-nightly",
          .version = "9",
          .champion = "8",
          .ramp = {0.05, 0.25, 0.5},
          .begun_ms = 1'800'000'000'000,
          .step_begun_ms = 1'800'000'000'000};
}

TEST(CanaryTest, ReadsWhatItWroteAndRefusesDamage) {
  Canary canary = CanaryOfTest();
  canary.step = 2;
  canary.verdict = "rolled back";
  canary.reason = "clicks fell";
  EXPECT_EQ(Canary::FromJson(canary.ToJson()).value(), canary);
  for (const char* text : {"", "{}", "[]", R"({"format":1})"}) EXPECT_FALSE(Canary::FromJson(text).ok()) << text;
  canary.step = 3;
  EXPECT_EQ(Canary::FromJson(canary.ToJson()).error().code, ErrorCode::kCorrupt);
  canary = CanaryOfTest();
  canary.ramp = {0.5, 0.05};
  EXPECT_EQ(Canary::FromJson(canary.ToJson()).error().code, ErrorCode::kCorrupt);
}

TEST(CanaryTest, ItsArmsGrowTogetherAndNoUnitMoves) {
  Canary canary = CanaryOfTest();
  Allocation allocation;
  std::map<std::string, std::string> arm_of;
  for (; canary.step < canary.ramp.size(); ++canary.step) {
    Experiments experiments;
    experiments.all = {canary.AsExperiment()};
    auto next = Allocate(experiments, allocation, 1000 + static_cast<std::int64_t>(canary.step));
    ASSERT_TRUE(next.ok()) << next.error().message;
    allocation = next.value();
    const Assigner assigner(experiments, allocation);
    FeedConfig feed;
    feed.name = "home";
    double candidates = 0;
    for (int u = 0; u < 4000; ++u) {
      const Unit unit{.kind = UnitKind::kUser, .id = "u" + std::to_string(u)};
      const Assignment got = assigner.Assign({.unit = unit, .context = {}, .surface = ""}, feed);
      const std::string arm = got.experiments.empty() ? "" : got.experiments[0].variant;
      candidates += arm == Canary::kCandidateArm;
      EXPECT_EQ(got.model, arm == Canary::kCandidateArm ? "9" : "");
      std::string& before = arm_of[unit.id];
      if (!before.empty()) EXPECT_EQ(arm, before) << unit.id;
      before = arm;
    }
    EXPECT_NEAR(candidates / 4000, canary.ramp[canary.step], 0.03);
  }
  EXPECT_EQ(allocation.periods.at(canary.name()).size(), 3u) << "each step is a stratum";
}

TEST(CanaryTest, IsNotBesideWhatChoosesTheModel) {
  const Canary canary = CanaryOfTest();
  EXPECT_TRUE(CheckCanary(canary, {}).ok());
  const std::string arms = "[[experiment.arm]]\nname = \"a\"\n[[experiment.arm]]\nname = \"b\"\n";
  EXPECT_TRUE(CheckCanary(canary, ExperimentsOf("[[experiment]]\nname = \"price\"\n" + arms)).ok());
  const std::string models = "[[experiment]]\nname = \"models\"\nSTATUS\n" + arms + "model = \"7\"\n";
  const auto with = [&](const std::string& status) {
    std::string text = models;
    return ExperimentsOf(text.replace(text.find("STATUS"), 6, status));
  };
  EXPECT_THAT(CheckCanary(canary, with("status = \"running\"")).error().message, HasSubstr("'models'"));
  EXPECT_TRUE(CheckCanary(canary, with("status = \"off\"")).ok());
  EXPECT_FALSE(
      CheckCanary(canary, ExperimentsOf("[[variant]]\nname = \"x\"\n[[variant]]\nname = \"y\"\nmodel = \"7\"\n")).ok());
}

TEST(CanaryTest, EndsWhenAGuardrailIsCrossedOrFeedsTakeMuchLonger) {
  const std::vector<MetricConfig> metrics = CanaryMetrics(kHourMs, kMinuteMs);
  ExperimentResults results;
  EXPECT_EQ(WhyCanaryEnds(results, metrics), "");
  results.metrics.push_back({.metric = 3, .arm = "candidate"});
  MetricResult& latency = results.metrics.back();
  latency.nonzero_control = latency.nonzero_treatment = 1000;
  latency.tested_relative.interval = {0.05, 0.2};
  EXPECT_EQ(WhyCanaryEnds(results, metrics), "") << "a little slower";
  latency.tested_relative.interval = {0.3, 0.5};
  EXPECT_THAT(WhyCanaryEnds(results, metrics), HasSubstr("at least 30 % longer"));
  latency.nonzero_treatment = 100;
  EXPECT_EQ(WhyCanaryEnds(results, metrics), "") << "too few units to say";
  results.verdict = Verdict::kRollBack;
  results.reason = "clicks fell";
  EXPECT_EQ(WhyCanaryEnds(results, metrics), "clicks fell");
}

}  // namespace
}  // namespace gfr
