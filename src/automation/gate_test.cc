#include "automation/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "base/rng.h"
#include "metric/paired_log_loss.h"

namespace gfr {
namespace {

using testing::HasSubstr;
using Decision = GateVerdict::Decision;

Judgement JudgementOf(const PairedLogLoss& paired, bool equal) {
  return {.candidate = "2",
          .champion = "1",
          .objectives = {{.name = "pctr", .paired = paired}},
          .why_none = "",
          .lost = {},
          .before_refit = true,
          .equal_configuration = equal,
          .configuration_why = equal ? "the same" : "another",
          .slowdown = 1};
}

// With an off-policy value that shows nothing.
GateVerdict DecideJudged(const Judgement& judgement, const GateRules& rules) {
  return DecideGates({judgement, {.refusal = ""}}, rules);
}

PairedLogLoss GoodPair() {
  return {.rows = 100'000,
          .positives = 5'000,
          .users = 10'000,
          .champion = 0.2,
          .difference = 0,
          .standard_error = 0.0001,
          .candidate_log_oe = 0.01,
          .candidate_log_oe_error = 0.02,
          .champion_log_oe = 0};
}

TEST(Gate, AnEqualRetrainMustBeNotWorseAndAChangedOneBetter) {
  const GateVerdict equal = DecideJudged(JudgementOf(GoodPair(), true), {});
  EXPECT_EQ(equal.decision, Decision::kPromote) << equal.Summary();
  EXPECT_EQ(equal.rule, "not_worse");
  const GateVerdict changed = DecideJudged(JudgementOf(GoodPair(), false), {});
  EXPECT_EQ(changed.decision, Decision::kRefuse);
  EXPECT_EQ(changed.rule, "better");
  EXPECT_EQ(changed.rule_why, "another");
  EXPECT_THAT(changed.Summary(), HasSubstr("must be below 0"));
  PairedLogLoss better = GoodPair();
  better.difference = -0.001;
  EXPECT_EQ(DecideJudged(JudgementOf(better, false), {}).decision, Decision::kPromote);
}

TEST(Gate, OffPolicyValueThatIsShownToBeWorseRefusesAndNoEvidenceIsForACanary) {
  JudgedWithOffPolicy judged{JudgementOf(GoodPair(), true), {}};
  judged.off_policy = {
      .draws = 5000, .candidate = 0.04, .champion = 0.05, .difference = -0.01, .low = -0.02, .high = 0.001};
  EXPECT_EQ(DecideGates(judged, {}).decision, Decision::kPromote) << "it is not shown";
  judged.off_policy.high = -0.001;
  const GateVerdict worse = DecideGates(judged, {});
  EXPECT_EQ(worse.decision, Decision::kRefuse);
  EXPECT_THAT(worse.Summary(), HasSubstr("off-policy value: 0.0400 clicks a draw against the champion's 0.0500"));
  judged.off_policy = {.draws = 12, .refusal = "the candidate: the effective sample is 2.0, below 100"};
  const GateVerdict unknown = DecideGates(judged, {});
  EXPECT_EQ(unknown.decision, Decision::kCanaryOnly);
  EXPECT_THAT(unknown.Summary(), HasSubstr("canary only by the rule \"not_worse\""));
  EXPECT_THAT(unknown.Summary(), HasSubstr("no evidence (the candidate: the effective sample is 2.0"));
  EXPECT_EQ(DecideGates(judged, {.needs_off_policy = false}).decision, Decision::kPromote);
  judged.judgement.slowdown = 2;
  EXPECT_EQ(DecideGates(judged, {}).decision, Decision::kRefuse) << "another gate refuses it";
}

TEST(Gate, EachGateRefusesByItself) {
  const auto decide = [](auto change, GateRules rules = {}) {
    Judgement judgement = JudgementOf(GoodPair(), true);
    change(judgement);
    return DecideJudged(judgement, rules);
  };
  const GateVerdict worse = decide([](Judgement& j) { j.objectives[0].paired.difference = 0.001; });
  EXPECT_EQ(worse.decision, Decision::kRefuse);
  EXPECT_THAT(worse.Summary(), HasSubstr("log loss of pctr"));
  EXPECT_THAT(decide([](Judgement& j) { j.objectives[0].paired.candidate_log_oe = 0.3; }).Summary(),
              HasSubstr("calibration of pctr"));
  EXPECT_EQ(decide([](Judgement& j) {
              j.objectives[0].paired.candidate_log_oe = 0.3;
              j.objectives[0].paired.champion_log_oe = 0.4;
            }).decision,
            Decision::kPromote)
      << "the world has moved, and the candidate is nearer to it";
  EXPECT_THAT(decide([](Judgement& j) { j.slowdown = 1.6; }).Summary(), HasSubstr("speed"));
  EXPECT_THAT(decide([](Judgement& j) { j.lost = {"pcvr"}; }).Summary(), HasSubstr("objective pcvr"));
  EXPECT_THAT(decide([](Judgement& j) {
                PairedLogLoss worse_second = GoodPair();
                worse_second.difference = 0.01;
                j.objectives.push_back({.name = "pcvr", .paired = worse_second});
              }).Summary(),
              HasSubstr("log loss of pcvr"));
}

TEST(Gate, WithoutEvidenceThereIsNoVerdictOnTheModel) {
  PairedLogLoss few = GoodPair();
  few.rows = 10;
  EXPECT_EQ(DecideJudged(JudgementOf(few, true), {}).decision, Decision::kNoEvidence);
  Judgement none = JudgementOf(GoodPair(), true);
  none.objectives.clear();
  none.why_none = "a column is gone";
  const GateVerdict verdict = DecideJudged(none, {});
  EXPECT_EQ(verdict.decision, Decision::kNoEvidence);
  EXPECT_THAT(verdict.Summary(), HasSubstr("a column is gone"));
}

TEST(PairedLogLossTest, IsTheMeanDifferenceWithTheErrorOfClusters) {
  // Two rows a user that are equal: half the information.
  std::vector<float> p, q, label, p1, q1, label1;
  std::vector<std::uint64_t> user, user1;
  Rng rng(7);
  for (int u = 0; u < 500; ++u) {
    const float a = static_cast<float>(0.1 + 0.5 * rng.Uniform()), b = static_cast<float>(0.1 + 0.5 * rng.Uniform());
    const float y = rng.Uniform() < a ? 1.0f : 0.0f;
    for (int k = 0; k < 2; ++k) {
      p.push_back(a), q.push_back(b), label.push_back(y), user.push_back(static_cast<std::uint64_t>(u));
    }
    p1.push_back(a), q1.push_back(b), label1.push_back(y), user1.push_back(static_cast<std::uint64_t>(u));
  }
  const PairedLogLoss twice = ComparePairedLogLoss(p, q, label, user),
                      once = ComparePairedLogLoss(p1, q1, label1, user1);
  EXPECT_NEAR(twice.difference, once.difference, 1e-12);
  EXPECT_NEAR(twice.standard_error, once.standard_error, 1e-12) << "rows of a user stay together";
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < p1.size(); ++i) {
    const double d = label1[i] > 0 ? std::log(q1[i] / p1[i]) : std::log((1 - q1[i]) / (1 - p1[i]));
    sum += d;
    squares += d * d;
  }
  const double n = static_cast<double>(p1.size()), mean = sum / n;
  EXPECT_NEAR(once.difference, mean, 1e-6);
  EXPECT_NEAR(once.standard_error, std::sqrt((squares / n - mean * mean) / (n - 1)), 1e-6);
  EXPECT_LT(once.difference, 0) << "the labels are drawn by the candidate";
  EXPECT_TRUE(std::isnan(ComparePairedLogLoss({}, {}, {}, {}).difference));
}

// One night: rows whose labels are drawn by the truth; the champion and the candidate are each the truth with noise of
// their own in the logit, as two fits of different samples are; `error` is added to the candidate's, up or down.
struct Night {
  GateVerdict verdict;
  double worse_by = 0;  // Of the champion's log loss.
};

Night JudgeNight(std::uint64_t seed, std::size_t rows, double error) {
  Rng rng(seed);
  std::vector<float> candidate(rows), champion(rows), label(rows);
  std::vector<std::uint64_t> user(rows);
  const auto noise = [&] { return 1.7 * (rng.Uniform() + rng.Uniform() - 1); };  // Deviation 0.7.
  const auto sigmoid = [](double x) { return static_cast<float>(1 / (1 + std::exp(-x))); };
  for (std::size_t i = 0; i < rows; ++i) {
    const double logit = -3 + noise();
    label[i] = rng.Chance(sigmoid(logit)) ? 1.0f : 0.0f;
    champion[i] = sigmoid(logit + 0.05 * noise());
    candidate[i] = sigmoid(logit + 0.05 * noise() + (rng.Chance(0.5) ? error : -error));
    user[i] = rng.Below(rows / 20);
  }
  const PairedLogLoss paired = ComparePairedLogLoss(candidate, champion, label, user);
  return {DecideJudged(JudgementOf(paired, true), {}), paired.difference / paired.champion};
}

void JudgeAHundredNights(std::size_t rows) {
  int equal = 0, worse = 0;
  double equal_by = 0, worse_by = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Night same = JudgeNight(seed, rows, 0), planted = JudgeNight(1000 + seed, rows, 0.27);
    equal += same.verdict.decision == Decision::kPromote;
    worse += planted.verdict.decision == Decision::kPromote;
    equal_by += same.worse_by / 100;
    worse_by += planted.worse_by / 100;
  }
  EXPECT_GE(equal, 90) << equal_by;
  EXPECT_LE(worse, 5) << worse_by;
  EXPECT_NEAR(equal_by, 0, 0.0005);
  EXPECT_NEAR(worse_by, 0.01, 0.002) << "the planted one";
  std::printf("%zu rows a night: promoted %d equal (%+.4f %%), %d worse (%+.4f %%)\n", rows, equal, 100 * equal_by,
              worse, 100 * worse_by);
}

TEST(Gate, OfAHundredNightsAnEqualRetrainPassesAndOneThatIsOnePercentWorseDoesNot) { JudgeAHundredNights(50'000); }

// A few minutes.
TEST(Gate, DISABLED_OfAHundredNightsOfAMillionRows) { JudgeAHundredNights(1'000'000); }

}  // namespace
}  // namespace gfr
