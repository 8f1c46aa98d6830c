// Estimates, tests and plans against scipy's and numpy's own, and statsmodels' where it is installed.
#include <gtest/gtest.h>

#include <numeric>
#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "stats/arm_estimate.h"
#include "stats/clusters.h"
#include "stats/difference.h"
#include "stats/distributions.h"
#include "stats/early_conversions.h"
#include "stats/multiple_testing.h"
#include "stats/power.h"
#include "stats/quantile_estimate.h"
#include "stats/sample_ratio.h"
#include "stats/shrinkage.h"

namespace gfr {
namespace {

// Puts the folders of build/peers-venv on the path of a script.
const char* const kPeers =
    "import sys, glob\nsys.path += glob.glob('" GFR_SOURCE_DIR "/build/peers-venv/lib/python3*/site-packages')\n";
bool HasStatsmodels(const TestFolder& folder) {
  return RunPython(folder, std::string(kPeers) +
                               "import importlib.util\n"
                               "print(importlib.util.find_spec('statsmodels') is not None)") == "True\n";
}

void ExpectEqual(const std::string& theirs, const std::vector<double>& ours, double relative = 1e-6) {
  std::istringstream in(theirs);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    double value = NAN;
    ASSERT_TRUE(in >> value) << "number " << i << " of " << theirs;
    EXPECT_NEAR(ours[i], value, relative * std::max(1e-6, std::fabs(value))) << "number " << i;
  }
}

TEST(Distributions, EqualScipys) {
  const TestFolder folder;
  ExpectEqual(
      RunPython(folder, R"(
from scipy import stats, special
for v in [stats.norm.sf(1.3), stats.norm.sf(-9), stats.norm.ppf(0.001), stats.t.sf(2.2, 7.5), stats.t.ppf(0.975, 3.3),
          stats.chi2.sf(12.5, 4), special.gammaln(1234.5), special.betaln(5, 95), special.betainc(5.5, 95.25, 0.05)]:
    print(repr(float(v)))
)"),
      {NormalUpper(1.3), NormalUpper(-9), NormalQuantile(0.001), StudentUpper(2.2, 7.5), StudentQuantile(0.975, 3.3),
       ChiSquareUpper(12.5, 4), LogGamma(1234.5), LogBeta(5, 95), RegularizedBeta(5.5, 95.25, 0.05)},
      1e-9);
  EXPECT_TRUE(std::isnan(NormalQuantile(0)));
  EXPECT_TRUE(std::isnan(StudentQuantile(0.5, 0)));
  EXPECT_EQ(StudentUpper(1.5, INFINITY), NormalUpper(1.5));
}

TEST(Sums, MergeToTheSumOfTheWhole) {
  Rng rng(3);
  PairSums whole, first, second;
  for (int i = 0; i < 100; ++i) {
    const double y = std::floor(rng.Uniform() * 100), x = std::floor(rng.Uniform() * 10);
    whole.Add(y, x);
    (i % 3 ? first : second).Add(y, x);
  }
  first.Merge(second);
  EXPECT_EQ(first.y.variance(), whole.y.variance());
  EXPECT_EQ(first.covariance(), whole.covariance());
}

TEST(Sums, OfEqualValuesHaveNoVariance) {
  Sums sums;
  for (int i = 0; i < 1000; ++i) sums.Add(0.1);
  EXPECT_EQ(sums.variance(), 0);
  EXPECT_NEAR(sums.NonzeroAtLeast(), 1000, 1e-6);
  EXPECT_TRUE(std::isnan(Sums({1, 1, 1}).variance()));
}

// Two arms with a covariate, two strata of unequal shares.
struct StratifiedSample {
  StratifiedSample() : arms(2, std::vector<PairSums>(2)) {
    Rng rng(11);
    std::ofstream file(folder / "rows.txt");
    file.precision(17);
    for (int i = 0; i < 3000; ++i) {
      const int arm = rng.Chance(0.4), stratum = rng.Chance(0.3);
      const double x = rng.Exponential(2), y = 5.0 * stratum + 0.5 * x + rng.Normal() + 0.1 * arm;
      arms[static_cast<std::size_t>(arm)][static_cast<std::size_t>(stratum)].Add(y, x);
      file << arm << " " << stratum << " " << y << " " << x << "\n";
    }
  }
  TestFolder folder;
  std::vector<std::vector<PairSums>> arms;
};

TEST(PostStratify, IsTheWeightedMeanOfTheStrataWithItsVariance) {
  const StratifiedSample sample;
  const auto got = PostStratify(sample.arms, [](const PairSums& arm, const PairSums&) { return EstimateMean(arm.y); });
  const Difference difference = AbsoluteDifference(got[0], got[1]);
  ExpectEqual(RunPython(sample.folder, R"(
import numpy as np
arm, stratum, y, x = np.loadtxt("rows.txt").T
share = [np.mean(stratum == s) for s in (0, 1)]
cell = lambda a, s: y[(arm == a) & (stratum == s)]
d = sum(w * (cell(1, s).mean() - cell(0, s).mean()) for s, w in enumerate(share))
v = sum(w * w * cell(a, s).var(ddof=1) / len(cell(a, s)) for s, w in enumerate(share) for a in (0, 1))
print(repr(float(d)), repr(float(np.sqrt(v))))
)"),
              {difference.value, difference.se});
  std::vector<PairSums> plain(2);
  for (std::size_t a = 0; a < 2; ++a) {
    for (const PairSums& s : sample.arms[a]) plain[a].Merge(s);
  }
  EXPECT_LT(difference.se, 0.75 * AbsoluteDifference(EstimateMean(plain[0].y), EstimateMean(plain[1].y)).se);
}

TEST(PostStratify, MergesAStratumInWhichAnArmHasNobody) {
  std::vector<std::vector<PairSums>> arms(2, std::vector<PairSums>(3));
  for (int i = 0; i < 10; ++i)
    arms[0][static_cast<std::size_t>(i % 3)].Add(i, 0), arms[1][0].Add(i, 0), arms[1][2].Add(i, 0);
  const auto got = PostStratify(arms, [](const PairSums& arm, const PairSums&) { return EstimateMean(arm.y); });
  EXPECT_EQ(got[0].n, 10);
  EXPECT_EQ(got[1].n, 20);
  EXPECT_TRUE(std::isfinite(got[1].squared_error()));
}

TEST(ConfidenceSequence, LeavesOutZeroExactlyWhenItsPIsBelowAlpha) {
  for (const double alpha : {0.05, 0.001}) {
    const ConfidenceSequence sequence(alpha, 5000);
    for (const double n : {300.0, 5000.0, 4e6}) {
      const double half = sequence.HalfWidth(0.01, n);
      EXPECT_LT(sequence.P(1.000001 * half, 0.01, n), alpha);
      EXPECT_GT(sequence.P(0.999999 * half, 0.01, n), alpha);
    }
  }
  EXPECT_EQ(ConfidenceSequence(0.05, 5000).P(0, 1, 100), 1);
  EXPECT_TRUE(std::isnan(ConfidenceSequence(0.05, 5000).P(1, 0, 100)));
}

TEST(NonInferiority, WatchedUsesOneBoundOfTheSequenceAtTwiceAlpha) {
  const Difference difference{20000, -0.002, 0.001};
  const LowerBound watched = TestNonInferiority(difference, 0.01, 0.025, 20000);
  EXPECT_DOUBLE_EQ(watched.low, -0.002 - ConfidenceSequence(0.05, 20000).HalfWidth(0.001, 20000));
  for (const double margin : {0.003, 0.0055, 0.008}) {
    const LowerBound bound = TestNonInferiority(difference, margin, 0.025, 20000);
    EXPECT_EQ(bound.p<0.025, bound.low> - margin) << margin;
    const LowerBound fixed = TestNonInferiority(difference, margin, 0.025, 0);
    EXPECT_EQ(fixed.p<0.025, fixed.low> - margin) << margin;
  }
  EXPECT_EQ(TestNonInferiority({20000, -0.02, 0.001}, 0.01, 0.025, 20000).p, 1);
}

TEST(EarlyConversions, AreTheBetaMixtureOfScipy) {
  const TestFolder folder;
  std::vector<double> ours;
  for (const Side side : {Side::kBoth, Side::kTreatmentHasFewer, Side::kTreatmentHasMore})
    ours.push_back(EarlyConversionsP(700, 20, 0.05, side)), ours.push_back(EarlyConversionsP(700, 52, 0.05, side));
  ExpectEqual(RunPython(folder, R"(
import numpy as np
from scipy import integrate, stats
w, c = 0.05, 100
def p(x, y, low, high):
    prior = stats.beta(c * w, c * (1 - w))
    mass = prior.cdf(high) - prior.cdf(low)
    f = lambda q: prior.pdf(q) / mass * np.exp(x * np.log(q / w) + y * np.log((1 - q) / (1 - w)))
    e, _ = integrate.quad(f, max(low, 1e-9), high, epsrel=1e-11, points=[(c * w + x) / (c + x + y)], limit=500) if low < (c * w + x) / (c + x + y) < high else integrate.quad(f, low, high, epsrel=1e-11, limit=500)
    return min(1, 1 / e)
for low, high in ((0, 1), (0, w), (w, 1)):
    print(repr(p(20, 700, low, high)), repr(p(52, 700, low, high)))
)"),
              ours);
}

TEST(EarlyConversions, DecideFalselyInAtMostAlphaOfRunsWatchedAtEachConversion) {
  Rng rng(21);
  int decided = 0;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    double counts[2] = {};
    for (int k = 0; k < 1000; ++k) {
      ++counts[static_cast<int>(rng.Chance(0.05))];
      if (EarlyConversionsP(counts[0], counts[1], 0.05, Side::kTreatmentHasFewer) >= 0.05) continue;
      ++decided;
      break;
    }
  }
  EXPECT_LT(decided, 0.05 * kRuns + 3 * std::sqrt(kRuns * 0.05 * 0.95));
  EXPECT_GT(decided, 10);  // It has a level to spend.
}

TEST(SampleRatio, EqualsItsFormulaAndChiSquareOfScipy) {
  const TestFolder folder;
  const std::vector<double> counts{1010, 480, 530}, weights{2, 1, 1};
  ExpectEqual(RunPython(folder, R"(
import numpy as np
from scipy import stats
from scipy.special import gammaln
c, w = np.array([1010, 480, 530.]), np.array([.5, .25, .25])
e = gammaln(1000) - gammaln(1000 + c.sum()) + (gammaln(1000 * w + c) - gammaln(1000 * w) - c * np.log(w)).sum()
print(repr(min(1., float(np.exp(-e)))), repr(float(stats.chisquare(c, w * c.sum()).pvalue)))
)"),
              {SequentialSampleRatioP(counts, weights), ChiSquareSampleRatioP(counts, weights)});
}

TEST(MultipleTesting, EqualsStatsmodels) {
  const TestFolder folder;
  if (!HasStatsmodels(folder)) GTEST_SKIP() << "statsmodels is not there; `tools/setup --test-peers` installs it";
  const std::vector<double> p{0.01, 0.04, 0.03, 0.005, 0.9, 0.04};
  std::vector<double> ours = AdjustByHolm(p);
  const std::vector<double> bh = AdjustByBenjaminiHochberg(p);
  ours.insert(ours.end(), bh.begin(), bh.end());
  ExpectEqual(RunPython(folder, std::string(kPeers) + R"(
from statsmodels.stats.multitest import multipletests
for method in ("holm", "fdr_bh"):
    for v in multipletests([0.01, 0.04, 0.03, 0.005, 0.9, 0.04], method=method)[1]: print(repr(float(v)))
)"),
              ours);
}

TEST(MultipleTesting, LeavesOutTestsThatDoNotExist) {
  const std::vector<double> p{0.03, NAN, 0.02};
  const auto holm = AdjustByHolm(p);
  EXPECT_DOUBLE_EQ(holm[2], 0.04);
  EXPECT_TRUE(std::isnan(holm[1]));
}

TEST(Power, EqualsStatsmodels) {
  const TestFolder folder;
  if (!HasStatsmodels(folder)) GTEST_SKIP() << "statsmodels is not there; `tools/setup --test-peers` installs it";
  const PlannedArms plan{.difference = 0.1, .control_variance = 4, .treatment_variance = 4, .share = 0.25};
  ExpectEqual(RunPython(folder, std::string(kPeers) + R"(
from statsmodels.stats.power import NormalIndPower
n = NormalIndPower().solve_power(0.05, power=0.8, alpha=0.05, ratio=1/3)  # Of the control; the treatment's is a third.
print(repr(float(n * 4 / 3)), repr(float(NormalIndPower().power(0.05, 3000, 0.05, ratio=1/3))))
)"),
              {SampleSizeAtFixedHorizon(plan, 0.8), PowerAtFixedHorizon(plan, 4000)});
}

TEST(Power, OfACanaryThatHalvesConversionNeeds266UsersOneSided) {
  // 5 % against 2.5 %, the canary one user in twenty; alpha of both sides twice that of one.
  const PlannedArms plan = PlanProportion(0.05, -0.5, 0.05, 0.1);
  EXPECT_NEAR(0.05 * SampleSizeAtFixedHorizon(plan, 0.8), 266, 1);
}

TEST(Power, WatchedCostsMoreThanAFixedHorizonAndReachesWhatItPlans) {
  const PlannedArms plan = PlanProportion(0.05, 0.05, 0.5, 0.05);
  const double fixed = SampleSizeAtFixedHorizon(plan, 0.8), watched = SampleSizeWatched(plan, 0.8);
  EXPECT_GT(watched, 1.3 * fixed);
  EXPECT_LT(watched, 2.5 * fixed);
  EXPECT_NEAR(PowerWatched(plan, watched), 0.8, 1e-9);
}

TEST(Quantile, HasTheOuterIntervalsErrorAndClustersWidenIt) {
  Rng rng(5);
  std::vector<float> values;
  std::vector<std::uint64_t> alone, user;
  for (std::uint64_t u = 0; u < 2000; ++u) {
    const double slow = rng.Exponential(100);  // A user's requests go together.
    for (int k = 0; k < 5; ++k) {
      values.push_back(static_cast<float>(slow + rng.Exponential(10)));
      user.push_back(u), alone.push_back(alone.size());
    }
  }
  std::vector<float> sorted = values;
  std::ranges::sort(sorted);
  const ArmEstimate plain = EstimateQuantile(sorted, 0.9), clustered = EstimateQuantileByUser(values, user, 0.9);
  EXPECT_EQ(plain.value, sorted[8999]);
  EXPECT_EQ(plain.value, clustered.value);
  EXPECT_EQ(clustered.n, 2000);
  EXPECT_GT(std::sqrt(clustered.squared_error()), 1.5 * std::sqrt(plain.squared_error()));
  // Each value a cluster of its own: the independent error, but for n - 1.
  EXPECT_NEAR(EstimateQuantileByUser(values, alone, 0.9).squared_error(), plain.squared_error(),
              0.02 * plain.squared_error());
  // Of the exponential distribution the error is known: sqrt(q (1 - q) / n) / density.
  std::vector<float> known;
  for (int i = 0; i < 20000; ++i) known.push_back(static_cast<float>(rng.Exponential(1)));
  std::ranges::sort(known);
  EXPECT_NEAR(std::sqrt(EstimateQuantile(known, 0.5).squared_error()), std::sqrt(0.25 / 20000) / 0.5, 0.15 * 0.00707);
}

TEST(Winsorising, CapsAtAQuantileOfWhatWasBefore) {
  std::vector<float> before(1001);
  std::iota(before.begin(), before.end(), 0.0f);
  EXPECT_DOUBLE_EQ(WinsorCap(before, 0.999), 999);
  EXPECT_EQ(WinsorCap({}), INFINITY);
}

TEST(Clusters, FewAreJudgedByEveryArrangement) {
  // One of the 20 arrangements, and its mirror, is as extreme.
  const std::vector<Cluster> clusters{{false, 1, 1}, {false, 2, 1}, {false, 3, 1},
                                      {true, 11, 1}, {true, 12, 1}, {true, 13, 1}};
  const ClusterResult got = TestClusters(clusters, 0.05, 1);
  EXPECT_TRUE(got.permutation);
  EXPECT_DOUBLE_EQ(got.tested.p, 2.0 / 20);
  EXPECT_DOUBLE_EQ(got.difference.value, 10);
  const TestFolder folder;
  ExpectEqual(RunPython(folder, R"(
from scipy import stats
i = stats.ttest_ind([11, 12, 13], [1, 2, 3], equal_var=False).confidence_interval()
print(repr(float(i.low)), repr(float(i.high)))
)"),
              {got.tested.interval.low, got.tested.interval.high});
  EXPECT_TRUE(std::isnan(TestClusters(std::vector<Cluster>{{true, 1, 1}}, 0.05, 1).tested.p));
}

TEST(Clusters, FewOfUnequalSizesHaveTheJackknifesError) {
  const std::vector<Cluster> clusters{{false, 12, 10}, {false, 70, 50}, {false, 31, 30}, {false, 5, 8},
                                      {true, 25, 12},  {true, 60, 45},  {true, 90, 50},  {true, 9, 9}};
  const ClusterResult got = TestClusters(clusters, 0.05, 1);
  const TestFolder folder;
  ExpectEqual(RunPython(folder, R"(
import numpy as np
from scipy import stats
def arm(sums, counts):
    s, c = np.array(sums, float), np.array(counts, float)
    n, without = len(s), (s.sum() - s) / (c.sum() - c)
    return s.sum() / c.sum(), (n - 1) / n * ((without - without.mean()) ** 2).sum(), n
a, va, na = arm([12, 70, 31, 5], [10, 50, 30, 8])
b, vb, nb = arm([25, 60, 90, 9], [12, 45, 50, 9])
df = (va + vb) ** 2 / (va ** 2 / (na - 1) + vb ** 2 / (nb - 1))
half = stats.t.ppf(.975, df) * np.sqrt(va + vb)
print(repr(float(b - a - half)), repr(float(b - a + half)))
)"),
              {got.tested.interval.low, got.tested.interval.high});
}

TEST(Clusters, DecideFalselyAtTheLevelWhereUnitsOfAClusterGoTogether) {
  Rng rng(31);
  for (const int clusters : {20, 80}) {
    int decided = 0, covered = 0;
    constexpr int kRuns = 400;
    for (int run = 0; run < kRuns; ++run) {
      std::vector<Cluster> sample;
      for (int c = 0; c < clusters; ++c) {
        const double level = 1 + 0.5 * rng.Normal(), count = 20 + std::floor(rng.Uniform() * 30);
        sample.push_back({c % 2 == 1, level * count + std::sqrt(count) * rng.Normal(), count});
      }
      const ClusterResult got = TestClusters(sample, 0.05, static_cast<std::uint64_t>(run));
      decided += got.tested.p < 0.05;
      covered += got.tested.interval.low <= 0 && got.tested.interval.high >= 0;
    }
    const double error = 4 * std::sqrt(kRuns * 0.05 * 0.95);
    EXPECT_NEAR(decided, 0.05 * kRuns, error) << clusters;
    EXPECT_NEAR(covered, 0.95 * kRuns, error) << clusters;
  }
}

TEST(Shrinkage, FindsTheSpreadOfTrueEffectsAndShrinksTowardsTheirMean) {
  Rng rng(41);
  std::vector<MeasuredEffect> effects;
  double winners = 0, shrunk = 0, truth = 0;
  std::vector<double> true_effects;
  for (int i = 0; i < 4000; ++i) {
    const double effect = 0.01 + 0.02 * rng.Normal(), se = 0.01 + 0.03 * rng.Uniform();
    true_effects.push_back(effect);
    effects.push_back({effect + se * rng.Normal(), se});
  }
  const EffectPrior prior = FitEffectPrior(effects);
  EXPECT_NEAR(prior.mean, 0.01, 0.002);
  EXPECT_NEAR(prior.spread, 0.02, 0.002);
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (effects[i].value < 0.05) continue;
    winners += effects[i].value, shrunk += Shrink(effects[i], prior).value, truth += true_effects[i];
  }
  EXPECT_GT(winners, 1.4 * truth);
  EXPECT_NEAR(shrunk, truth, 0.05 * truth);
  // No more spread than noise: all shrink to one.
  const std::vector<MeasuredEffect> same{{0.1, 1}, {0.2, 1}, {0.15, 1}};
  EXPECT_EQ(FitEffectPrior(same).spread, 0);
  EXPECT_NEAR(Shrink(same[0], FitEffectPrior(same)).value, 0.15, 1e-12);
}

}  // namespace
}  // namespace gfr
