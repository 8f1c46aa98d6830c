#include "metric/slate_off_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "base/rng.h"

namespace gfr {
namespace {

// Two draws: the first of three items; the second of a pool that the first one decides. What is earned is the slate's.
class TwoDraws {
 public:
  static constexpr std::array<double, 3> kFirst{0.6, 0.3, 0.1};
  static std::vector<double> Second(std::size_t first) {
    return first == 0 ? std::vector<double>{0.5, 0.5} : std::vector<double>{0.7, 0.2, 0.1};
  }
  static double Reward(std::size_t first, std::size_t second) {  // Clicks of the slate; the two change each other's.
    return 0.3 + 0.2 * static_cast<double>(first) + 0.1 * static_cast<double>(second) + (first == second ? 0.3 : 0);
  }
  // The target: turns the logged probabilities round.
  static std::vector<double> Turned(std::span<const double> logged) { return {logged.rbegin(), logged.rend()}; }
  static double Truth() {
    double truth = 0;
    const std::vector<double> first = Turned(kFirst);
    for (std::size_t a = 0; a < first.size(); ++a) {
      const std::vector<double> second = Turned(Second(a));
      for (std::size_t b = 0; b < second.size(); ++b) truth += first[a] * second[b] * Reward(a, b);
    }
    return truth;
  }

  static SlateChoices Log(std::uint64_t seed, int slates,
                          const std::function<double(std::size_t, std::size_t)>& model) {
    SlateChoices choices;
    Rng rng(seed);
    for (int n = 0; n < slates; ++n) {
      const std::size_t a = Pick(kFirst, rng);
      const std::vector<double> second = Second(a);
      const std::size_t b = Pick(second, rng);
      const std::vector<double> targets[] = {Turned(kFirst), Turned(second)};
      std::vector<double> models[2];
      for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t i = 0; i < targets[k].size(); ++i) models[k].push_back(model(k, i));
      }
      const double reward = static_cast<double>(rng.Poisson(Reward(a, b)));
      choices.Add(rng.Below(200), reward,
                  std::array{SlateDraw{a, kFirst, targets[0], models[0]}, SlateDraw{b, second, targets[1], models[1]}});
    }
    return choices;
  }

 private:
  static std::size_t Pick(std::span<const double> p, Rng& rng) {
    double u = rng.Uniform();
    for (std::size_t i = 0; i + 1 < p.size(); ++i) {
      if (u < p[i]) return i;
      u -= p[i];
    }
    return p.size() - 1;
  }
};

TEST(SlateOffPolicy, ADoublyRobustEstimateOfWholeSlatesCoversTheTruthWhateverTheModel) {
  const auto good = [](std::size_t k, std::size_t i) { return (k == 0 ? 0.2 : 0.1) * static_cast<double>(i); };
  const auto bad = [](std::size_t k, std::size_t i) { return k == 0 ? -static_cast<double>(i * i) : 3.0; };
  int covered[2] = {}, evidence = 0;
  double sum[2] = {};
  constexpr int kLogs = 40;
  for (std::uint64_t seed = 0; seed < kLogs; ++seed) {
    const OffPolicyReport reports[] = {TwoDraws::Log(seed, 4000, good).Estimate({}),
                                       TwoDraws::Log(seed, 4000, bad).Estimate({})};
    for (std::size_t k = 0; k < 2; ++k) {
      const Estimate& e = reports[k].doubly_robust;
      covered[k] += e.interval.low <= TwoDraws::Truth() && TwoDraws::Truth() <= e.interval.high;
      sum[k] += e.value / kLogs;
    }
    evidence += reports[0].evidence();
  }
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_GE(covered[k], 34) << k;
    EXPECT_NEAR(sum[k], TwoDraws::Truth(), 0.02) << k;
  }
  EXPECT_GE(evidence, 33);
}

TEST(SlateOffPolicy, AModelThatKnowsWhatItemsEarnMakesTheIntervalNarrower) {
  const auto nothing = [](std::size_t, std::size_t) { return 0.0; };
  const auto good = [](std::size_t k, std::size_t i) { return (k == 0 ? 0.2 : 0.1) * static_cast<double>(i); };
  double width[2] = {};
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Estimate with = TwoDraws::Log(seed, 4000, good).Estimate({}).doubly_robust,
                   without = TwoDraws::Log(seed, 4000, nothing).Estimate({}).ipw;
    width[0] += with.interval.high - with.interval.low;
    width[1] += without.interval.high - without.interval.low;
  }
  EXPECT_LT(width[0], width[1]);
}

TEST(SlateOffPolicy, WhatTheLogCouldNotDrawIsNeverEvidence) {
  const std::vector<double> logged{0.5, 0.5, 0}, all{0.5, 0.5, 0}, outside{0.25, 0.25, 0.5}, missing{0.25, 0.25, 0};
  const auto report = [&](const std::vector<double>& target, std::size_t pool) {
    SlateChoices choices;
    for (std::size_t n = 0; n < 1000; ++n)
      choices.Add(n, 1, std::array{SlateDraw{n % 2, std::span(logged).first(pool), target, {}}});
    return choices.Estimate({});
  };
  EXPECT_TRUE(report(all, 3).evidence());
  EXPECT_THAT(report(outside, 3).refusals, testing::Contains(testing::HasSubstr("never show")));
  EXPECT_DOUBLE_EQ(report(outside, 3).never_share, 0.5);
  EXPECT_THAT(report(missing, 3).refusals, testing::Contains(testing::HasSubstr("never show")));
  EXPECT_THAT(report(all, 2).refusals, testing::Contains(testing::HasSubstr("are none"))) << "of another pool";
  EXPECT_FALSE(SlateChoices().Estimate({}).evidence());
}

TEST(SlateOffPolicy, SlatesWithoutDrawsAreTheSameByEveryTarget) {
  SlateChoices choices;
  Rng rng(3);
  double sum = 0;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const double reward = static_cast<double>(rng.Poisson(1.5));
    sum += reward;
    choices.Add(n, reward, {});
  }
  const OffPolicyReport r = choices.Estimate({});
  EXPECT_TRUE(r.evidence());
  EXPECT_DOUBLE_EQ(r.mean_weight.value, 1);
  EXPECT_NEAR(r.doubly_robust.value, sum / 1000, 1e-9);
}

}  // namespace
}  // namespace gfr
