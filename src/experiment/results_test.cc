#include "experiment/results.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "experiment/conclusions.h"
#include "stats/sample_ratio.h"

namespace gfr {
namespace {

MetricConfig TestMetric(const std::string& name, MetricConfig::Role role) {
  return {.name = name, .measure = MetricConfig::Measure::kAny, .role = role, .margin = 0.05};
}

ExperimentDesign TestDesign(double treatment_weight = 1) {
  return {.name = "price", .arms = {"control", "high"}, .weights = {1, treatment_weight}, .planned_n = 40'000};
}

// `n` mature units an arm, of which so many converted.
MetricSample Conversions(double n, double control, double treatment) {
  MetricSample sample(2);
  for (std::size_t arm = 0; arm < 2; ++arm) {
    const double converted = arm ? treatment : control;
    sample.strata[arm][0].y = {n, converted, converted};
    sample.strata[arm][0].x.n = n;
    sample.nonzero[arm] = sample.nonzero_in[arm][0] = converted;
  }
  return sample;
}

using Role = MetricConfig::Role;

ExperimentResults Judge(const std::vector<MetricConfig>& metrics, const std::vector<MetricSample>& samples,
                        std::int64_t days = 10, std::vector<double> exposed = {20'000, 20'000}) {
  return AnalyzeSamples(TestDesign(), metrics, samples, {std::move(exposed)}, 1, 1 + days * kDayMs);
}

TEST(Results, ShipWhenTheDecisionSetIsBetterAndGuardrailsAreShownToHold) {
  const std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision),
                                          TestMetric("opens", Role::kGuardrail)};
  const auto good = Judge(metrics, {Conversions(20'000, 1000, 1400), Conversions(20'000, 15'000, 15'100)});
  EXPECT_EQ(good.verdict, Verdict::kShip) << good.reason;
  // Not yet seven days.
  const auto early = Judge(metrics, {Conversions(20'000, 1000, 1400), Conversions(20'000, 15'000, 15'100)}, 6);
  EXPECT_EQ(early.verdict, Verdict::kKeepRunning);
  EXPECT_NE(early.reason.find("7 days"), std::string::npos) << early.reason;
  // A guardrail that is neither shown to be worse nor to be within its margin.
  const auto unclear = Judge(metrics, {Conversions(20'000, 1000, 1400), Conversions(20'000, 300, 300)});
  EXPECT_EQ(unclear.verdict, Verdict::kKeepRunning);
  EXPECT_NE(unclear.reason.find("guardrail opens"), std::string::npos) << unclear.reason;
}

TEST(Results, AGuardrailThatIsWorseRollsBackWhateverElseIsBetter) {
  const std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision),
                                          TestMetric("opens", Role::kGuardrail)};
  const auto got = Judge(metrics, {Conversions(20'000, 1000, 1400), Conversions(20'000, 15'000, 14'200)}, 1);
  EXPECT_EQ(got.verdict, Verdict::kRollBack);
  EXPECT_NE(got.reason.find("guardrail: arm 'high' is worse by opens"), std::string::npos) << got.reason;
  // Better is never worse, however sure.
  EXPECT_NE(Judge(metrics, {Conversions(20'000, 1000, 1010), Conversions(20'000, 14'000, 15'000)}).verdict,
            Verdict::kRollBack);
}

TEST(Results, LowerIsBetterTurnsBothAround) {
  MetricConfig errors = TestMetric("errors", Role::kGuardrail);
  errors.lower_is_better = true;
  EXPECT_EQ(Judge({errors}, {Conversions(20'000, 1000, 1400)}).verdict, Verdict::kRollBack);
  EXPECT_NE(Judge({errors}, {Conversions(20'000, 1400, 1000)}).verdict, Verdict::kRollBack);
  errors.role = Role::kDecision;
  EXPECT_EQ(Judge({errors}, {Conversions(20'000, 1400, 1000)}).verdict, Verdict::kShip);
}

TEST(Results, ASampleRatioMismatchIsInvalidWhateverTheMetricsSay) {
  const auto got =
      Judge({TestMetric("conversion", Role::kDecision)}, {Conversions(20'000, 1000, 1400)}, 10, {20'000, 18'500});
  EXPECT_EQ(got.verdict, Verdict::kInvalid);
}

TEST(Results, MeansWaitFor150UnitsOfEachArmAndProportionsAreJudgedByTheirConversions) {
  MetricConfig mean = TestMetric("purchases", Role::kDecision);
  mean.measure = MetricConfig::Measure::kCount;
  const auto waits = Judge({mean}, {Conversions(20'000, 149, 800)});
  EXPECT_EQ(waits.verdict, Verdict::kKeepRunning);
  EXPECT_NE(waits.reason.find("150 are needed"), std::string::npos) << waits.reason;
  EXPECT_EQ(Judge({mean}, {Conversions(20'000, 150, 800)}).verdict, Verdict::kShip);
  const auto early = Judge({TestMetric("conversion", Role::kGuardrail)}, {Conversions(500, 60, 10)}, 1, {500, 500});
  EXPECT_EQ(early.verdict, Verdict::kRollBack);
  EXPECT_TRUE(early.metrics.at(0).early);
}

TEST(Results, TheDecisionSetSharesItsLevelByHolmAndExplorationDecidesNothing) {
  // 0.03 alone is below 0.05, of two it is not.
  const MetricSample unsure = Conversions(20'000, 1000, 1147);
  const auto alone = Judge({TestMetric("a", Role::kDecision)}, {unsure});
  ASSERT_LT(alone.metrics.at(0).p, 0.05);
  ASSERT_GT(alone.metrics.at(0).p, 0.025);
  EXPECT_EQ(alone.verdict, Verdict::kShip);
  const auto two = Judge({TestMetric("a", Role::kDecision), TestMetric("b", Role::kDecision)},
                         {unsure, Conversions(20'000, 1000, 1000)});
  EXPECT_EQ(two.verdict, Verdict::kKeepRunning);
  const auto exploring = Judge({TestMetric("a", Role::kExploration)}, {Conversions(20'000, 1000, 2000)});
  EXPECT_EQ(exploring.reason, "no [[metric]] has the role decision, so that nothing ships");
  EXPECT_EQ(exploring.verdict, Verdict::kKeepRunning);
}

TEST(Results, HistoryAndCovariateMakeTheErrorSmallerAndDoNotMoveTheEffect) {
  Rng rng(4);
  MetricConfig with = TestMetric("purchases", Role::kDecision);
  with.measure = MetricConfig::Measure::kCount;
  MetricConfig without = with;
  with.before_ms = 28 * kDayMs;
  MetricSample sample(2);
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t arm = rng.Chance(0.5);
    const bool history = rng.Chance(0.7);
    const double liking = rng.Exponential(2);
    UnitMetric unit;
    unit.value = static_cast<double>(rng.Poisson(liking * (arm ? 1.1 : 1)));
    unit.before = history ? static_cast<double>(rng.Poisson(4 * liking)) : 0;
    sample.Add(arm, unit, history, INFINITY, static_cast<Key>(i));
  }
  const auto adjusted = Judge({with}, {sample}).metrics.at(0), plain = Judge({without}, {sample}).metrics.at(0);
  EXPECT_LT(adjusted.absolute.se, 0.85 * plain.absolute.se);
  EXPECT_NEAR(adjusted.absolute.value, 0.2, 4 * adjusted.absolute.se);
  EXPECT_GT(adjusted.variance_removed, 0.3);
  EXPECT_EQ(plain.variance_removed, 0);
}

// Units of variants whose weights changed from 9 : 1 to 1 : 1 while their rate of purchase doubled.
ExperimentUnits UnitsOfTwoPeriods(std::int64_t change_ms) {
  ExperimentUnits units{.experiment = "variant", .arms = {"today", "next"}, .start_ms = 1, .caps = {{}}, .units = {}};
  Rng rng(9);
  for (int n = 0; n < 40'000; ++n) {
    const bool later = n >= 20'000;
    ExposedUnit unit{.person = static_cast<Key>(n + 1), .arm = rng.Chance(later ? 0.5 : 0.1)};
    unit.arrival_ms = unit.exposure_ms = later ? change_ms : 1;
    unit.metrics.resize(1);
    unit.metrics[0].mature = true;
    unit.metrics[0].value = rng.Chance(later ? 0.4 : 0.2);
    units.units.push_back(unit);
  }
  return units;
}

TEST(Results, ChangedWeightsOfVariantsAreStrataAndNoMismatch) {
  constexpr std::int64_t kChange = 5 * kDayMs;
  ExperimentDesign design{.name = "variant", .arms = {"today", "next"}, .weights = {1, 1}, .planned_n = 40'000};
  const ExperimentUnits units = UnitsOfTwoPeriods(kChange);
  const std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision)};
  // As if the weights had always been those of now: invalid, and the rise in time is taken for the variant's.
  const auto pooled = AnalyzeExperiment(design, metrics, units, 20 * kDayMs);
  EXPECT_EQ(pooled.verdict, Verdict::kInvalid);
  EXPECT_GT(pooled.metrics.at(0).absolute.value, 0.02);
  design.periods = {{0, {0.9, 0.1}}, {kChange, {0.5, 0.5}}};
  const auto got = AnalyzeExperiment(design, metrics, units, 20 * kDayMs);
  EXPECT_GT(got.sample_ratio_p, kSampleRatioAlpha);
  EXPECT_EQ(got.verdict, Verdict::kKeepRunning) << got.reason;
  EXPECT_NEAR(got.metrics.at(0).absolute.value, 0, 4 * got.metrics.at(0).absolute.se);
  const auto json = ResultsJson(got, metrics);
  ASSERT_EQ(json["periods"].size(), 2u);
  EXPECT_EQ(json["periods"][0]["exposed"][0].get<double>() + json["periods"][0]["exposed"][1].get<double>(), 20'000);
  // A mismatch within a period is found whatever the other one is like.
  design.periods = {{0, {0.9, 0.1}}, {kChange, {0.55, 0.45}}};
  EXPECT_EQ(AnalyzeExperiment(design, metrics, units, 20 * kDayMs).verdict, Verdict::kInvalid);
}

TEST(Results, UnitsThatCameWhileAnArmHadNoShareAreInNoEffect) {
  ExperimentDesign design{.name = "variant", .arms = {"today", "next"}, .weights = {1, 1}, .planned_n = 40'000};
  constexpr std::int64_t kChange = 5 * kDayMs;
  design.periods = {{0, {1, 0}}, {kChange, {0.5, 0.5}}};
  ExperimentUnits units = UnitsOfTwoPeriods(kChange);
  std::erase_if(units.units, [](const ExposedUnit& u) { return u.arrival_ms == 1 && u.arm == 1; });
  const auto got = AnalyzeExperiment(design, {TestMetric("conversion", Role::kDecision)}, units, 20 * kDayMs);
  EXPECT_EQ(got.metrics.at(0).control.n + got.metrics.at(0).treatment.n, 20'000);
  EXPECT_NEAR(got.metrics.at(0).absolute.value, 0, 4 * got.metrics.at(0).absolute.se);
  ASSERT_EQ(got.warnings.size(), 1u);
  EXPECT_NE(got.warnings[0].find("had no share"), std::string::npos);
}

// Allocations that change, and a guardrail by unit whose rate in the second arm is `rate` (0.2 in the control).
ExperimentUnits UnitsOfABandit(std::uint64_t seed, double rate) {
  ExperimentUnits units{.experiment = "banner", .arms = {"blue", "red"}, .start_ms = 1, .caps = {{}, {}}, .units = {}};
  Rng rng(seed);
  for (int n = 0; n < 4000; ++n) {
    ExposedUnit unit{.person = static_cast<Key>(n + 1)};
    unit.version = n < 2000 ? 1 : 2;
    unit.arm = rng.Chance(unit.version == 1 ? 0.5 : 0.3);
    unit.arrival_ms = unit.exposure_ms = n;
    unit.metrics.resize(2);
    for (UnitMetric& metric : unit.metrics) metric.mature = true;
    unit.metrics[0].value = rng.Chance(0.3);
    unit.metrics[1].value = rng.Chance(unit.arm ? rate : 0.2);
    units.units.push_back(unit);
  }
  return units;
}

TEST(Results, ABanditRollsBackByAGuardrailThatIsShownToBeWorse) {
  ExperimentDesign design{.name = "banner", .arms = {"blue", "red"}, .weights = {1, 1}, .planned_n = 5000};
  design.periods = {{0, {0.5, 0.5}}, {2000, {0.7, 0.3}}};
  design.bandit = BanditConfig{.reward = "conversion", .reward_cap = 1};
  std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision), TestMetric("crash", Role::kGuardrail)};
  metrics[1].measure = MetricConfig::Measure::kAny;
  metrics[1].lower_is_better = true;
  const auto got = AnalyzeExperiment(design, metrics, UnitsOfABandit(1, 0.4), 20 * kDayMs);
  EXPECT_EQ(got.verdict, Verdict::kRollBack) << got.reason;
  EXPECT_NE(got.reason.find("arm 'red' is worse by crash"), std::string::npos) << got.reason;
  EXPECT_TRUE(ResultsJson(got, metrics)["bandit"]["guardrails"][0]["worse"].get<bool>());
  // Fewer crashes are no reason, nor are equal ones.
  EXPECT_EQ(AnalyzeExperiment(design, metrics, UnitsOfABandit(1, 0.05), 20 * kDayMs).verdict, Verdict::kKeepRunning);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto equal = AnalyzeExperiment(design, metrics, UnitsOfABandit(seed, 0.2), 20 * kDayMs);
    EXPECT_EQ(equal.verdict, Verdict::kKeepRunning) << equal.reason;
  }
  // Where more is better, and the arm with more is the control.
  metrics[1].lower_is_better = false;
  design.arms = {"red", "blue"};
  for (DesignPeriod& period : design.periods) std::swap(period.weights[0], period.weights[1]);
  const auto less = AnalyzeExperiment(design, metrics, UnitsOfABandit(1, 0.4), 20 * kDayMs);
  EXPECT_EQ(less.verdict, Verdict::kRollBack);
  EXPECT_NE(less.reason.find("arm 'blue' is worse by crash"), std::string::npos) << less.reason;
}

TEST(Results, ABanditSaysWhichGuardrailsItCannotWatch) {
  ExperimentDesign design{.name = "banner", .arms = {"blue", "red"}, .weights = {1, 1}, .planned_n = 5000};
  design.periods = {{0, {0.5, 0.5}}, {2000, {0.7, 0.3}}};
  design.bandit = BanditConfig{.reward = "conversion", .reward_cap = 1};
  std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision), TestMetric("crashes", Role::kGuardrail)};
  metrics[1].measure = MetricConfig::Measure::kCount;
  metrics[1].lower_is_better = true;
  ExperimentUnits units = UnitsOfABandit(1, 0.4);
  const auto without = AnalyzeExperiment(design, metrics, units, 20 * kDayMs);
  EXPECT_EQ(without.verdict, Verdict::kKeepRunning);
  EXPECT_NE(without.bandit->guardrails.at(0).why.find("winsorise"), std::string::npos);
  units.caps[1].value = 1;
  EXPECT_EQ(AnalyzeExperiment(design, metrics, units, 20 * kDayMs).verdict, Verdict::kRollBack);
}

TEST(Results, ABanditHasTheMeansOfItsArmsUnderTheVersionsOfTheirUnits) {
  ExperimentDesign design{.name = "banner", .arms = {"blue", "red"}, .weights = {1, 1}, .planned_n = 5000};
  design.periods = {{0, {0.5, 0.5}}, {1000, {0.9, 0.1}}};
  design.bandit = BanditConfig{.reward = "conversion", .reward_cap = 2};
  ExperimentUnits units{.experiment = "banner", .arms = {"red", "blue"}, .start_ms = 1, .caps = {{}}, .units = {}};
  Rng rng(11);
  for (int n = 0; n < 4000; ++n) {
    ExposedUnit unit{.person = static_cast<Key>(n + 1)};
    unit.version = n < 2000 ? 1 : 2;
    unit.arm = rng.Chance(unit.version == 1 ? 0.5 : 0.9);  // 1: blue.
    unit.arrival_ms = unit.exposure_ms = n;
    unit.metrics.resize(1);
    unit.metrics[0].mature = n < 3900;
    unit.metrics[0].value = rng.Chance(unit.arm ? 0.6 : 0.2) ? 2 : 0;
    units.units.push_back(unit);
  }
  units.units[0].version = 0;
  const std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision)};
  const auto got = AnalyzeExperiment(design, metrics, units, 20 * kDayMs);
  ASSERT_TRUE(got.bandit);
  EXPECT_TRUE(got.metrics.empty());
  EXPECT_EQ(got.verdict, Verdict::kKeepRunning) << got.reason;
  EXPECT_GT(got.sample_ratio_p, kSampleRatioAlpha);
  EXPECT_EQ(got.bandit->unknown, 1);
  EXPECT_EQ(got.bandit->arms[0].rewards.users + got.bandit->arms[1].rewards.users, 3899);
  EXPECT_EQ(got.bandit->arms[0].probability, 0.9);
  EXPECT_LT(got.bandit->arms[0].low, 0.6);
  EXPECT_GT(got.bandit->arms[0].high, 0.6);
  EXPECT_GT(got.bandit->arms[0].low, 0.4);
  EXPECT_LT(got.bandit->arms[1].high, 0.45);
  const auto json = ResultsJson(got, metrics);
  EXPECT_NEAR(json["bandit"]["arms"][0]["mean"].get<double>(), 2 * 0.6, 0.1) << "in units of the reward";
  EXPECT_EQ(json["bandit"]["versions"].size(), 2u);
  // Units that are not in the proportions of their versions.
  design.periods[1].weights = {0.8, 0.2};
  EXPECT_EQ(AnalyzeExperiment(design, metrics, units, 20 * kDayMs).verdict, Verdict::kInvalid);
}

// Periods of everyone, with a level of their own each; people of a period are alike.
ExperimentUnits SwitchbackUnits(std::uint64_t seed, int periods, double effect) {
  ExperimentUnits units{.experiment = "stock", .arms = {"today", "next"}, .start_ms = 1, .caps = {{}}, .units = {}};
  Rng rng(seed);
  for (int p = 0; p < periods; ++p) {
    const std::size_t arm = rng.Chance(0.5);
    const double level = 1 + 0.3 * rng.Normal() + effect * static_cast<double>(arm);
    for (int n = 0; n < 40; ++n) {
      ExposedUnit unit{.person = static_cast<Key>(n + 1), .arm = arm};
      unit.cluster = "/" + std::to_string(p);
      unit.metrics.resize(1);
      unit.metrics[0] = {.mature = true, .value = level + rng.Normal()};
      units.units.push_back(unit);
    }
  }
  return units;
}

TEST(Results, OfASwitchbackThePeriodIsTheUnitAndNothingIsDecidedByItself) {
  ExperimentDesign design{.name = "stock", .arms = {"today", "next"}, .weights = {1, 1}, .planned_n = 5000};
  design.clusters = ClusterConfig{.by = "", .period_ms = kDayMs};
  MetricConfig mean = TestMetric("purchases", Role::kDecision);
  mean.measure = MetricConfig::Measure::kCount;
  // Without an effect: taken for units, nearly every run would show a difference.
  int shown = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    const auto got =
        AnalyzeExperiment(design, {mean}, SwitchbackUnits(static_cast<std::uint64_t>(run) + 1, 60, 0), kDayMs);
    shown += got.metrics.at(0).p < 0.05;
    ASSERT_EQ(got.verdict, Verdict::kKeepRunning) << got.reason;
  }
  EXPECT_LE(shown, 0.05 * kRuns + 4 * std::sqrt(0.05 * 0.95 * kRuns));
  const auto got = AnalyzeExperiment(design, {mean}, SwitchbackUnits(7, 60, 0.5), kDayMs);
  EXPECT_LT(got.metrics.at(0).p, 0.001);
  EXPECT_NEAR(got.metrics.at(0).absolute.value, 0.5, 4 * got.metrics.at(0).absolute.se);
  EXPECT_EQ(got.clusters.at(0) + got.clusters.at(1), 60);
  const auto json = ResultsJson(got, {mean});
  EXPECT_EQ(json["metrics"][0]["test"], "one look, 60 clusters, delta method over clusters");
  const auto few = AnalyzeExperiment(design, {mean}, SwitchbackUnits(7, 20, 0.5), kDayMs);
  EXPECT_NE(few.metrics.at(0).test.find("permutations"), std::string::npos);
}

TEST(Results, TheJsonHasEveryNumberWithHowItIsMade) {
  const std::vector<MetricConfig> metrics{TestMetric("conversion", Role::kDecision)};
  const auto json = ResultsJson(Judge(metrics, {Conversions(20'000, 1000, 1400)}), metrics);
  EXPECT_EQ(json["decision"], "ship");
  EXPECT_EQ(json["arms"].size(), 2u);
  EXPECT_NEAR(json["metrics"][0]["relative"].get<double>(), 0.4, 1e-12);
  EXPECT_NE(json["metrics"][0]["how"].get<std::string>().find("share of units"), std::string::npos);
  // Nobody was exposed: nothing is shown.
  const auto empty = AnalyzeExperiment(TestDesign(), metrics, {}, 0);
  EXPECT_EQ(empty.verdict, Verdict::kKeepRunning);
  EXPECT_EQ(empty.sample_ratio_p, 1);
}

TEST(Conclusions, SurviveAsJsonAndStopTheirExperiments) {
  Conclusions conclusions;
  conclusions.by_experiment["price"] = {"roll back", "guardrail: \"opens\"", 1'700'000'000'000};
  const auto read = Conclusions::FromJson(conclusions.ToJson());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value().by_experiment, conclusions.by_experiment);
  Experiments experiments;
  experiments.all.resize(2);
  experiments.all[0].name = "price", experiments.all[1].name = "other";
  const Experiments applied = read.value().Apply(experiments);
  EXPECT_FALSE(applied.all[0].running);
  EXPECT_TRUE(applied.all[1].running);
  EXPECT_FALSE(Conclusions::FromJson("{}").ok());
  EXPECT_EQ(Conclusions::FromJson("{\"format\": 2}").error().code, ErrorCode::kNeedsNewer);
}

}  // namespace
}  // namespace gfr
