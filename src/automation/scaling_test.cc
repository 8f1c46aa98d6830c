#include "automation/scaling.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <functional>
#include <vector>

namespace gfr {
namespace {

using testing::HasSubstr;

ScalingRules RulesOfTest() {
  return {.min_replicas = 2, .max_replicas = 40, .requests_per_minute = 6000, .p99_ms = 40, .queued = 20};
}

TEST(ScalingPolicyTest, FollowsTheLoadOutAtOnceAndInAfterACoolDown) {
  ScalingPolicy policy(RulesOfTest());
  std::int64_t now_ms = 0;
  const auto decide = [&](int ready, int starting, double requests) {
    now_ms += 10 * kSecondMs;
    return policy.Decide({.now_ms = now_ms, .ready = ready, .starting = starting, .requests_per_minute = requests});
  };
  EXPECT_EQ(decide(2, 0, 12'000).desired, 2);
  EXPECT_EQ(decide(2, 0, 30'000).desired, 2) << "one sample is chance";
  const ScalingDecision out = decide(2, 0, 30'000);
  EXPECT_EQ(out.desired, 5);
  EXPECT_THAT(out.why, HasSubstr("15000 requests a minute and replica of 6000"));
  EXPECT_EQ(decide(2, 3, 30'000).desired, 5) << "what warms up counts";
  EXPECT_EQ(decide(5, 0, 30'000).desired, 5);
  int desired = 5;
  std::int64_t at_ms = 0;
  const std::int64_t fell_ms = now_ms;
  while (desired == 5 && now_ms < fell_ms + kHourMs) {
    desired = decide(5, 0, 10'000).desired;
    at_ms = now_ms;
  }
  EXPECT_EQ(desired, 2);
  EXPECT_GE(at_ms - fell_ms, 270 * kSecondMs) << "no sample of the cool-down asked for more";
  EXPECT_LE(at_ms - fell_ms, 320 * kSecondMs);
}

TEST(ScalingPolicyTest, LatencyAndQueueScaleOutWhereTheLoadDoesNotSayIt) {
  for (const ScalingSample& sample : {ScalingSample{.ready = 3, .requests_per_minute = 3000, .p99_ms = 70},
                                      ScalingSample{.ready = 3, .requests_per_minute = 3000, .queued = 90}}) {
    ScalingPolicy policy(RulesOfTest());
    ScalingSample next = sample;
    int desired = 0;
    for (int k = 1; k <= 2; ++k) {
      next.now_ms = k * 10'000;
      desired = policy.Decide(next).desired;
    }
    EXPECT_GT(desired, 3);
    EXPECT_LE(desired, 6) << "at most twice as many";
  }
}

TEST(ScalingPolicyTest, StaysWithinItsBounds) {
  ScalingPolicy policy(RulesOfTest());
  EXPECT_EQ(policy.Decide({.now_ms = 1, .ready = 0, .requests_per_minute = 0}).desired, 2);
  EXPECT_EQ(policy.Decide({.now_ms = 2, .ready = 50, .requests_per_minute = 1e6}).desired, 40);
}

TEST(ScalingRulesTest, WhatIsWrongIsRefused) {
  Config project = Config::Parse("[scale]\nmin_replicas = 5\nmax_replicas = 2\n", "gfr.toml").value();
  EXPECT_THAT(ScalingRules::Read(project).error().message, HasSubstr("below min_replicas"));
}

// A fleet in simulated time: replicas of equal capacity, whose queue is shared; a new one serves after its start, one
// that is taken away drains for two minutes and is paid for meanwhile.
struct FleetResult {
  double late_share = 0;  // Of the requests, those of samples whose latency was above the objective.
  double replica_hours = 0;
};

constexpr double kStepS = 10, kCapacityS = 200, kObjectiveMs = 50;
constexpr std::int64_t kReplicaStartMs = 60 * kSecondMs, kDrainMs = 120 * kSecondMs;
using Load = std::function<double(double)>;  // Requests a second, by the seconds of the day.

// `decide` gives the replicas that there are to be. `fails_s`: one replica ends without a word.
FleetResult RunFleet(const Load& load, double fails_s, const std::function<int(const ScalingSample&)>& decide) {
  int ready = 4;
  std::vector<std::int64_t> starting, draining;  // When each serves, or is gone.
  double backlog = 0, late = 0, all = 0;
  FleetResult out;
  for (double s = 0; s < 86'400; s += kStepS) {
    const auto now_ms = static_cast<std::int64_t>(s * 1000);
    ready += static_cast<int>(std::erase_if(starting, [&](std::int64_t at) { return at <= now_ms; }));
    std::erase_if(draining, [&](std::int64_t at) { return at <= now_ms; });
    if (s == fails_s) --ready;
    const double rate = load(s), capacity = kCapacityS * ready;
    backlog = std::max(0.0, backlog + (rate - capacity) * kStepS);
    backlog = std::min(backlog, capacity * 30);  // What waits longer has given up: it was late.
    // Of an M/M/1 queue, the 99th percentile; beside it the wait behind the backlog.
    const double use = std::min(rate / capacity, 0.999),
                 p99_ms = 10 + 4.6 / (kCapacityS * (1 - use)) * 1000 / ready + backlog / capacity * 1000;
    all += rate * kStepS;
    late += p99_ms > kObjectiveMs ? rate * kStepS : 0;
    out.replica_hours +=
        static_cast<double>(static_cast<std::size_t>(ready) + starting.size() + draining.size()) * kStepS / 3600;
    const int desired = decide({.now_ms = now_ms,
                                .ready = ready,
                                .starting = static_cast<int>(starting.size()),
                                .requests_per_minute = rate * 60,
                                .p99_ms = p99_ms,
                                .queued = backlog});
    int there = ready + static_cast<int>(starting.size());
    for (; there < desired; ++there) starting.push_back(now_ms + kReplicaStartMs);
    for (; there > desired && ready > 1; --there, --ready) draining.push_back(now_ms + kDrainMs);
  }
  out.late_share = late / all;
  return out;
}

// Requests by the hour of the day in a travel site's public log (trivago, RecSys 2019), over their mean.
constexpr std::array<double, 24> kHours{1.063, 1.18,  0.856, 0.678, 0.572, 0.594, 0.508, 0.496,
                                        0.878, 0.853, 1.148, 1.084, 0.853, 1.118, 1.307, 1.05,
                                        1.331, 1.337, 1.196, 1.611, 1.278, 1.176, 1.003, 0.827};

double DailyLoad(double s) {
  const double at = s / 3600 - 0.5;
  const auto hour = static_cast<std::size_t>(std::floor(at + 24)) % 24;
  const double share = at - std::floor(at);
  return 600 * (kHours[hour] * (1 - share) + kHours[(hour + 1) % 24] * share);
}

// Ten times as much within a minute, at 12:00, for half an hour.
double FlashSale(double s) {
  const double rise = std::clamp((s - 43'200) / 60, 0.0, 1.0), fall = std::clamp((s - 45'000) / 300, 0.0, 1.0);
  return DailyLoad(s) * (1 + 9 * (rise - fall));
}

// The rule of the alarms that application-autoscaling makes, to be compared with: one metric, averaged by the minute:
// three minutes above the target scale out, fifteen below nine tenths of it in; each with a cool-down of its own (300 s
// each by default).
class SageMakerRule {
 public:
  explicit SageMakerRule(const ScalingRules& rules) : rules_(rules) {}
  ScalingDecision Decide(const ScalingSample& sample);

 private:
  const ScalingRules rules_;
  std::deque<double> minutes_;  // Requests a minute and replica, newest last.
  double sum_ = 0;
  int samples_ = 0;
  std::int64_t minute_ = -1, out_ms_ = INT64_MIN / 2, in_ms_ = INT64_MIN / 2;
};

ScalingDecision SageMakerRule::Decide(const ScalingSample& s) {
  constexpr std::size_t kAbove = 3, kBelow = 15;
  constexpr std::int64_t kCooldownMs = 300 * kSecondMs;
  const int there = s.ready + s.starting;
  const std::int64_t minute = s.now_ms / kMinuteMs;
  if (minute != minute_ && samples_ > 0) {
    minutes_.push_back(sum_ / samples_);
    if (minutes_.size() > kBelow) minutes_.pop_front();
    sum_ = samples_ = 0;
  }
  minute_ = minute;
  sum_ += s.requests_per_minute / std::max(1, s.ready);
  ++samples_;
  const auto last = [&](std::size_t n, auto holds) {
    return minutes_.size() >= n && std::all_of(minutes_.end() - static_cast<std::ptrdiff_t>(n), minutes_.end(), holds);
  };
  const double target = rules_.requests_per_minute, now = minutes_.empty() ? 0 : minutes_.back();
  const int wants = std::clamp(static_cast<int>(std::ceil(std::max(1, s.ready) * now / target - 1e-9)),
                               rules_.min_replicas, rules_.max_replicas);
  if (last(kAbove, [&](double m) { return m > target; }) && wants > there && s.now_ms >= out_ms_ + kCooldownMs) {
    out_ms_ = s.now_ms;
    return {wants, "three minutes above the target"};
  }
  if (last(kBelow, [&](double m) { return m < 0.9 * target; }) && wants < there && s.now_ms >= in_ms_ + kCooldownMs &&
      s.now_ms >= out_ms_ + kCooldownMs) {
    in_ms_ = s.now_ms;
    return {wants, "fifteen minutes below nine tenths of the target"};
  }
  return {std::clamp(there, rules_.min_replicas, rules_.max_replicas), "as it is"};
}

struct PolicyResults {
  FleetResult ours, sagemaker, oracle;
};

PolicyResults CompareOn(const char* name, const Load& load, int max_replicas) {
  ScalingRules rules = RulesOfTest();
  rules.max_replicas = max_replicas;
  ScalingPolicy ours(rules);
  SageMakerRule sagemaker(rules);
  const double fails_s = 68'400;  // 19:00, the busiest hour.
  PolicyResults results;
  results.ours = RunFleet(load, fails_s, [&](const ScalingSample& s) { return ours.Decide(s).desired; });
  results.sagemaker = RunFleet(load, fails_s, [&](const ScalingSample& s) { return sagemaker.Decide(s).desired; });
  // It knows the load until what it starts now serves, and one sample more.
  results.oracle = RunFleet(load, fails_s, [&](const ScalingSample& s) {
    double most = 0;
    for (double ahead = 0; ahead <= 80; ahead += kStepS)
      most = std::max(most, load(static_cast<double>(s.now_ms) / 1000 + ahead));
    return std::clamp(static_cast<int>(std::ceil(most * 60 / rules.requests_per_minute)), rules.min_replicas,
                      max_replicas);
  });
  for (const auto& [policy, r] :
       {std::pair{"ours", results.ours}, {"SageMaker's rule", results.sagemaker}, {"oracle", results.oracle}})
    fmt::print("{:<12} {:<18} late {:7.4f} %, {:6.1f} replica hours\n", name, policy, 100 * r.late_share,
               r.replica_hours);
  return results;
}

TEST(ScalingPolicyTest, TakesServersAwayHoweverItsSamplesFallIntoTheCoolDown) {
  for (const int period_ms : {300, 700, 1200, 1900, 2500}) {
    ScalingRules rules = RulesOfTest();
    rules.min_replicas = 1;
    rules.in_cooldown_ms = 2000;
    ScalingPolicy policy(rules);
    std::int64_t at_ms = 0;
    while (policy.Decide({.now_ms = at_ms, .ready = 3}).desired == 3 && at_ms < 60'000) at_ms += period_ms;
    EXPECT_GE(at_ms, 1800) << period_ms;
    EXPECT_LE(at_ms, 5000) << period_ms;
  }
}

TEST(ScalingPolicyTest, OfADailyLoadWithAFailedReplicaNothingIsLateAndLittleIsPaidOverTheOracle) {
  const PolicyResults r = CompareOn("daily", DailyLoad, 40);
  EXPECT_LE(r.ours.late_share, 0.0001);
  EXPECT_LE(r.ours.late_share, r.sagemaker.late_share);
  EXPECT_LE(r.ours.replica_hours, 1.25 * r.oracle.replica_hours);
}

TEST(ScalingPolicyTest, AFlashSaleIsLateForAFractionOfTheTimeOfTheRuleOfMinutes) {
  const PolicyResults r = CompareOn("flash sale", FlashSale, 120);
  EXPECT_LT(r.ours.late_share, 0.5 * r.sagemaker.late_share);
  EXPECT_LE(r.ours.replica_hours, 1.25 * r.oracle.replica_hours);
  EXPECT_GT(r.sagemaker.late_share, 0);
}

}  // namespace
}  // namespace gfr
