#include "operations/judge_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/set_clock.h"
#include "feed/feed_policy.h"
#include "log/memory_log.h"

namespace gfr {
namespace {

constexpr std::int64_t kFirstMs = 1'767'225'600'000;  // 2026-01-01.
constexpr std::uint64_t kOwnConfiguration = 7;

// Slates of two positions: the second is explored by a coin, from two items. What is drawn is clicked as often as its
// pctr says, and takes half of the first one's clicks.
class JudgePolicyTest : public testing::Test {
 protected:
  static constexpr double kRates[] = {0.5, 0.2, 0.1, 0.6};  // Of the first item, what stands second, what explores.

  JudgePolicyTest() : log(clock) {
    FeedPolicy policy;
    policy.solves = true;
    policy.explore_every = 2;
    policy.explore_rate = 0.5;
    logged.objectives = {"pctr", "pcvr"};
    logged.value = Formula("pctr");
    logged.policy = std::make_shared<FeedPolicy>(policy);
    target = logged;
  }
  static ValueFormula Formula(const std::string& text) {
    return ValueFormula::Parse(text, {.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                                     {"pcvr", EventType::kFeedClick, EventType::kPurchase}},
                                      .properties = {"price"}})
        .value();
  }
  void Explores(double rate) {
    FeedPolicy policy = *target.policy;
    policy.explore_rate = rate;
    target.policy = std::make_shared<FeedPolicy>(policy);
  }
  void Write(Event e) {
    e.time_ms = clock.ms += 1000;
    e.id = std::to_string(++ids);
    e.source = "test";
    ASSERT_TRUE(log.Append({std::move(e)}).ok());
  }
  void Serve(int n, std::uint64_t configuration = kOwnConfiguration, std::vector<ServedExperiment> experiments = {}) {
    const std::string user = "u" + std::to_string(rng.Below(300)), id = "r" + std::to_string(n);
    Event request{.type = EventType::kFeedRequest, .user_id = user, .request_id = id};
    const double u = rng.Uniform();
    const std::size_t shown = u < 0.5 ? 1 : u < 0.75 ? 2 : 3;
    for (std::size_t i = 0; i < 4; ++i) {
      request.items.push_back({.item_id = "i" + std::to_string(i), .channel = i < 2 ? "popularity" : "explore"});
      request.items.back().index = i == 0 ? 0 : i == shown ? 1 : -1;
    }
    request.served.positions = {{0, 0}};
    request.served.feed = "home";
    request.served.configuration = configuration;
    request.served.experiments = std::move(experiments);
    request.served.models = {{.name = "feed/1"}};
    request.served.scored = {0, 1, 2, 3};
    request.served.scores = {{0, "pctr", {0.5f, 0.2f, 0.1f, 0.6f}, {}}, {0, "pcvr", {0.1f, 0.1f, 0.9f, 0.1f}, {}}};
    request.served.value = {0.5f, 0.2f, 0.1f, 0.6f};
    request.served.propensity = {1, 0.5f, 0.25f, 0.25f};
    request.served.draws = {{.position = 1, .pool = {1, 2, 3}, .probability = {0.5f, 0.25f, 0.25f}}};
    Write(std::move(request));
    const bool first = rng.Chance(kRates[0] * (shown == 3 ? 0.5 : 1)), second = rng.Chance(kRates[shown]);
    const auto click = [&](std::size_t i) {
      Write({.type = EventType::kFeedClick,
             .user_id = user,
             .request_id = id,
             .items = {{.item_id = "i" + std::to_string(i)}}});
    };
    if (first) click(0);
    if (second) click(shown);
    if (second) click(shown);  // Once a slate and item.
  }
  Result<JudgedPolicy> Judge(double temperature = std::numeric_limits<double>::infinity()) {
    return JudgePolicy(log, logged, target,
                       {.window_ms = kMinuteMs, .temperature = temperature, .configuration = kOwnConfiguration}, {},
                       AliasRule());
  }
  // Of a slate's clicks.
  static double Truth(double second, double poor, double good) {
    return second * (kRates[0] + kRates[1]) + poor * (kRates[0] + kRates[2]) + good * (kRates[0] / 2 + kRates[3]);
  }
  static void ExpectTruth(const OffPolicyReport& r, double truth) {
    ASSERT_TRUE(r.evidence()) << r.refusals[0];
    EXPECT_LT(r.doubly_robust.interval.low, truth);
    EXPECT_GT(r.doubly_robust.interval.high, truth);
    EXPECT_NEAR(r.doubly_robust.value, truth, 0.06);
  }

  SetClock clock{kFirstMs};
  MemoryLog log;
  FeedConfig logged, target;
  Rng rng{11};
  int ids = 0;
};

TEST_F(JudgePolicyTest, TellsWhatOtherDrawsFromTheSamePoolsWouldEarn) {
  for (int n = 0; n < 3000; ++n) Serve(n);
  const JudgedPolicy same = Judge().value();
  ExpectTruth(same.report, Truth(0.5, 0.25, 0.25));
  EXPECT_DOUBLE_EQ(same.report.snipw.value, same.report.logged.value) << "it is the one that was logged";
  EXPECT_EQ(same.drawn, same.report.rows);
  EXPECT_GT(same.young, 0u);
  EXPECT_EQ(same.report.rows + same.young, 3000u);
  Explores(0.1);
  ExpectTruth(Judge().value().report, Truth(0.9, 0.05, 0.05));
  Explores(0.8);
  ExpectTruth(Judge(/*temperature=*/0).value().report, Truth(0.2, 0, 0.8));
  target.value = Formula("pctr * pcvr");  // 0.02, 0.09, 0.06: the poor one stands there.
  ExpectTruth(Judge().value().report, Truth(0, 0.4 + 0.2, 0.4));
}

TEST_F(JudgePolicyTest, OtherConfigurationsAndExperimentsAreLeftOut) {
  for (int n = 0; n < 20; ++n) Serve(n, /*configuration=*/6);
  for (int n = 20; n < 50; ++n) Serve(n, kOwnConfiguration, {{"test", "b", false}});
  for (int n = 50; n < 90; ++n) Serve(n, kOwnConfiguration, {{"holdout", "in", false}});
  for (int n = 90; n < 300; ++n) Serve(n, kOwnConfiguration, {{"holdout", "out", false}});
  const JudgedPolicy judged = Judge().value();
  EXPECT_EQ(judged.other_configuration, 20u);
  EXPECT_EQ(judged.in_experiments, 70u);
  EXPECT_EQ(judged.report.rows + judged.young, 210u);
  target.value = Formula("pctr + 0.5");
  target.objectives = logged.objectives = {"pbuy", "pcvr"};  // No record has scores of it.
  EXPECT_EQ(Judge().value().without_scores, 210u);
}

TEST_F(JudgePolicyTest, WhatTheLogCannotTellIsRefused) {
  for (int n = 0; n < 500; ++n) Serve(n);
  FeedPolicy policy = *logged.policy;
  policy.explore_every = 3;
  policy.caps = {{.name = "brand", .of = "brand", .property = 0}};
  target.policy = std::make_shared<FeedPolicy>(policy);
  target.channels.push_back({.name = "exploit", .quota = 10});
  EXPECT_THAT(Judge().value().report.refusals,
              testing::ElementsAre(testing::HasSubstr("channels, feed.cap, feed.policy.explore_every")));
  target = logged;
  target.value = Formula("pctr * price");
  EXPECT_EQ(Judge().error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace gfr
