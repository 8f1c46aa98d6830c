#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "metric/binary_metrics.h"
#include "metric/grouped_metrics.h"
#include "metric/off_policy.h"
#include "metric/position_bias.h"
#include "metric/ranking_metrics.h"
#include "metric/test_sample.h"

namespace gfr {
namespace {

TEST(BinaryMetrics, EqualScikitLearns) {
  for (const int grid : {7, 100000}) {
    const Sample s = RandomSample(static_cast<std::uint64_t>(grid), 5000, grid);
    const TestFolder folder;
    {
      std::ofstream file(folder / "rows.txt");
      file.precision(9);
      for (std::size_t i = 0; i < s.label.size(); ++i) file << s.probability[i] << " " << s.label[i] << "\n";
    }
    std::istringstream reference(RunPython(folder, R"(
import numpy as np
from sklearn.metrics import roc_auc_score, average_precision_score, log_loss
rows = np.loadtxt("rows.txt", dtype=np.float32).astype(np.float64)
p, y = rows[:, 0], rows[:, 1]
print(repr(float(roc_auc_score(y, p))), repr(float(average_precision_score(y, p))), repr(float(log_loss(y, p))), repr(float(y.mean() / p.mean())))
)"));
    double auc_roc, auc_pr, log_loss, oe;
    reference >> auc_roc >> auc_pr >> log_loss >> oe;
    const BinaryMetrics m = MeasureBinary(s.rows(), 20, 1);
    EXPECT_NEAR(m.auc_roc.value, auc_roc, 1e-9);
    EXPECT_NEAR(m.auc_pr.value, auc_pr, 1e-9);
    EXPECT_NEAR(m.log_loss.value, log_loss, 1e-9);
    EXPECT_NEAR(m.observed_over_expected.value, oe, 1e-9);
    EXPECT_LT(m.auc_roc.interval.low, m.auc_roc.value);
    EXPECT_GT(m.auc_roc.interval.high, m.auc_roc.value);
  }
}

TEST(BinaryMetrics, AreMissingWhereTheyDoNotExist) {
  const std::vector<float> p{0.2f, 0.4f}, none{0, 0};
  const std::vector<std::uint64_t> users{1, 2};
  const BinaryMetrics m = MeasureBinary({p, none, users}, 10, 1);
  EXPECT_TRUE(std::isnan(m.auc_roc.value));
  EXPECT_TRUE(std::isnan(MeasureBinary({}, 10, 1).log_loss.value));
}

TEST(BinaryMetrics, OfAProbabilityThatIsNoNumberAreNoNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> p{nan, .2f, .3f}, good{.1f, .2f, .3f}, label{1, 0, 1};
  const std::vector<std::uint64_t> user{1, 2, 3};
  const BinaryRows rows{p, label, user};
  const BinaryMetrics measured = MeasureBinary(rows, 10, 1), compared = CompareBinary({good, label, user}, p, 10, 1);
  EXPECT_EQ(measured.rows, 3u);
  EXPECT_EQ(measured.positives, 2u);
  EXPECT_TRUE(std::isnan(measured.auc_roc.value) && std::isnan(compared.log_loss.value));
  EXPECT_TRUE(RocCurve(rows, 10).empty() && PrCurve(rows, 10).empty() && Lift(rows, 3).empty());
}

TEST(BinaryMetrics, IntervalsCoverTheTruthNearlyAlways) {
  // The truth by a large sample; 40 small ones must cover it about 38 times.
  const double truth = MeasureBinary(RandomSample(999, 200000, 1000).rows(), 0, 1).auc_roc.value;
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto interval = MeasureBinary(RandomSample(seed, 2000, 1000).rows(), 200, seed).auc_roc.interval;
    covered += interval.low <= truth && truth <= interval.high;
  }
  EXPECT_GE(covered, 34);
}

TEST(BinaryMetrics, TheIntervalOfTheCalibrationErrorHoldsItsValue) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Estimate ece = MeasureBinary(RandomSample(seed, 2000, 1000).rows(), 200, seed).ece;
    EXPECT_TRUE(0 <= ece.interval.low && ece.interval.low <= ece.value && ece.value <= ece.interval.high) << seed;
  }
}

TEST(RankingMetrics, CountRanksAsTheirDefinitionSays) {
  // Three slates of 3: clicked first by score, clicked last, clicked item not in the slate.
  const std::vector<RankedRequest> requests{
      {1, 1, 3, 1, false, true}, {1, 1, 3, 1, true, false}, {2, 2, 3, -1, true, true}};
  const std::vector<float> a{1, 5, 2}, b{3, 1, 2}, c{1, 2, 3}, ties{0, 0, 0};
  const std::vector<std::span<const float>> scores{a, b, c};
  const RankingMetrics m = MeasureRanking(requests, scores, 0, 1);
  EXPECT_NEAR(m.mrr.value, (1.0 + 1.0 / 3 + 0) / 3, 1e-12);
  EXPECT_NEAR(m.mrr_last_of_session.value, (1.0 / 3 + 0) / 2, 1e-12);
  EXPECT_NEAR(m.mrr_untouched.value, (1.0 + 0) / 2, 1e-12);
  EXPECT_NEAR(m.ndcg_10.value, (1.0 + 1.0 / 2 + 0) / 3, 1e-12) << "1 / log2(3 + 1) at rank 3";
  const std::vector<std::span<const float>> tied{ties, ties, ties};
  EXPECT_NEAR(MeasureRanking(requests, tied, 0, 1).mrr.value, (0.5 + 0.5) / 3, 1e-12) << "ties keep the slate's order";
  EXPECT_NEAR(PairedMrrDifference(requests, scores, tied, 100, 1).value, (1.0 + 1.0 / 3) / 3 - 1.0 / 3, 1e-12);
}

TEST(Lift, OfRowsSortedByProbabilityIsTheirRateOverTheMeanRate) {
  const Sample s = RandomSample(3, 1000, 50);
  const auto lift = Lift(s.rows(), 10);
  std::vector<std::size_t> order(s.label.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return s.probability[i]; });
  const double all = std::accumulate(s.label.begin(), s.label.end(), 0.0);
  std::size_t at = 0;
  double captured = 0;
  for (const LiftBin& b : lift) {
    double positives = 0;
    for (std::uint64_t i = 0; i < b.rows; ++i) positives += s.label[order[at++]];
    captured += positives;
    EXPECT_NEAR(b.lift, positives / static_cast<double>(b.rows) / (all / static_cast<double>(order.size())), 1e-9);
    EXPECT_NEAR(b.captured, captured / all, 1e-9);
  }
  EXPECT_EQ(at, order.size());
  EXPECT_NEAR(lift.back().captured, 1, 1e-12);
}

TEST(PositionBias, OfShuffledSlatesIsTheCurveThatMadeTheClicks) {
  Rng rng(21);
  std::vector<float> probability, label;
  std::vector<std::uint64_t> user;
  std::vector<int> position;
  for (std::uint64_t slate = 0; slate < 40000; ++slate) {
    for (int k = 0; k < 10; ++k) {
      const double p = 0.5 * rng.Uniform();
      probability.push_back(static_cast<float>(0.8 * p));  // The level is not the model's to know.
      label.push_back(rng.Chance(p * std::pow(1.0 + k, -0.7)));
      user.push_back(slate % 3000);
      position.push_back(k);
    }
  }
  const PositionBias bias = MeasurePositionBias({probability, label, user}, position, 9, 100, 1);
  ASSERT_EQ(bias.places.size(), 9u) << "the tenth is left out";
  EXPECT_NEAR(bias.exponent.value, 0.7, 0.03);
  EXPECT_TRUE(bias.exponent.interval.low < 0.7 && 0.7 < bias.exponent.interval.high);
  EXPECT_EQ(bias.places[0].examined.value, 1);
  for (const PositionBias::Place& p : bias.places)
    EXPECT_NEAR(p.examined.value / std::pow(1.0 + p.position, -0.7), 1, 0.1) << p.position;
  EXPECT_TRUE(MeasurePositionBias({}, {}, 9, 10, 1).places.empty());
}

// The better item first, as a feed does it, and then pairs of neighbours in order by a coin.
TEST(PositionBias, OfSwappedPairsIsTheCurveWhateverOrderTheFeedHad) {
  Rng rng(22);
  SwappedPairs pairs;
  std::vector<float> blind, label;  // Of all places, by a model that does not know the items.
  std::vector<int> position;
  for (std::uint64_t slate = 0; slate < 40000; ++slate) {
    std::vector<double> p(10);
    for (double& x : p) x = 0.6 * rng.Uniform();
    std::ranges::sort(p, std::greater<>());
    const std::size_t phase = rng.Below(2);
    for (std::size_t k = phase; k + 1 < p.size(); k += 2) {
      if (rng.Chance(0.5)) std::swap(p[k], p[k + 1]);
    }
    std::vector<bool> clicked;
    for (std::size_t k = 0; k < p.size(); ++k) {
      clicked.push_back(rng.Chance(p[k] * std::pow(1.0 + static_cast<double>(k), -0.7)));
      blind.push_back(0.3f);
      label.push_back(clicked.back());
      position.push_back(static_cast<int>(k));
    }
    for (std::size_t k = phase; k + 1 < p.size(); k += 2) {
      pairs.place.push_back(static_cast<int>(k));
      pairs.upper.push_back(clicked[k]);
      pairs.lower.push_back(clicked[k + 1]);
      pairs.user.push_back(slate % 3000);
    }
  }
  const PositionBias bias = MeasureSwappedPositionBias(pairs, 9, 100, 1);
  ASSERT_EQ(bias.places.size(), 9u) << "the tenth is left out";
  EXPECT_NEAR(bias.exponent.value, 0.7, 0.03);
  EXPECT_TRUE(bias.exponent.interval.low < 0.7 && 0.7 < bias.exponent.interval.high);
  EXPECT_LT(bias.exponent.interval.high - bias.exponent.interval.low, 0.1);
  EXPECT_EQ(bias.places[0].examined.value, 1);
  for (const PositionBias::Place& p : bias.places) {
    const double truth = std::pow(1.0 + p.position, -0.7);
    EXPECT_TRUE(p.examined.interval.low <= 1.03 * truth && 0.97 * truth <= p.examined.interval.high) << p.position;
  }
  const std::vector<std::uint64_t> user(label.size(), 1);
  EXPECT_GT(MeasurePositionBias({blind, label, user}, position, 9, 0, 1).exponent.value, 1)
      << "what the feed's order adds to it";
}

TEST(PositionBias, OfSwappedPairsHasScipysExponentAndEndsWhereClicksAreFew) {
  SwappedPairs pairs;
  const auto add = [&](int place, int upper, int lower) {
    for (int i = 0; i < upper + lower; ++i) {
      pairs.place.push_back(place);
      pairs.upper.push_back(i < upper);
      pairs.lower.push_back(i >= upper);
      pairs.user.push_back(static_cast<std::uint64_t>(i));
    }
  };
  add(0, 90, 50);
  add(1, 40, 33);
  add(2, 21, 25);
  EXPECT_EQ(MeasureSwappedPositionBias(pairs, 50, 0, 1).places.size(), 4u);
  add(3, 30, 9);
  const PositionBias bias = MeasureSwappedPositionBias(pairs, 50, 0, 1);
  ASSERT_EQ(bias.places.size(), 4u) << "fewer than ten clicks";
  EXPECT_NEAR(bias.places[3].examined.value, 50.0 / 90 * 33 / 40 * 25 / 21, 1e-12);
  EXPECT_EQ(bias.places[1].rows, 140u + 73u);
  EXPECT_EQ(bias.places[1].positives, 50u + 40u);
  const TestFolder folder;
  std::istringstream reference(RunPython(folder, R"(
import numpy as np
from scipy.optimize import minimize_scalar
upper, lower, k = np.array([90, 40, 21.]), np.array([50, 33, 25.]), np.arange(3)
z = lambda x: x * np.log((k + 2) / (k + 1))
print(repr(float(minimize_scalar(lambda x: np.sum(upper * np.log1p(np.exp(-z(x))) + lower * np.log1p(np.exp(z(x)))), tol=1e-14).x)))
)"));
  double exponent = 0;
  ASSERT_TRUE(reference >> exponent);
  EXPECT_NEAR(bias.exponent.value, exponent, 1e-6);
  EXPECT_TRUE(MeasureSwappedPositionBias({}, 9, 10, 1).places.empty());
}

// Writes "probability label weight user group" lines, for a reference.
void WriteRows(const TestFolder& folder, const Sample& s, const std::vector<float>& weight,
               const std::vector<std::uint64_t>& group) {
  std::ofstream file(folder / "rows.txt");
  file.precision(9);
  for (std::size_t i = 0; i < s.label.size(); ++i)
    file << s.probability[i] << " " << s.label[i] << " " << weight[i] << " " << s.user[i] << " " << group[i] << "\n";
}

std::vector<double> Numbers(const std::string& text) {
  std::istringstream in(text);
  std::vector<double> numbers;
  for (double x; in >> x;) numbers.push_back(x);
  return numbers;
}

TEST(BinaryMetrics, OfWeightedAndTiedRowsEqualScikitLearns) {
  for (const int grid : {9, 100000}) {
    Sample s = RandomSample(static_cast<std::uint64_t>(grid) + 1, 3000, grid);
    Rng rng(2);
    std::vector<float> weight;
    for (std::size_t i = 0; i < s.label.size(); ++i) weight.push_back(s.label[i] > 0 ? 1 : rng.Chance(0.5) ? 10 : 2.5f);
    const TestFolder folder;
    WriteRows(folder, s, weight, s.user);
    const std::string load = R"(
import numpy as np
from sklearn.metrics import *
from sklearn.calibration import calibration_curve
rows = np.loadtxt("rows.txt", dtype=np.float32).astype(np.float64)
p, y, w = rows[:, 0], rows[:, 1], rows[:, 2]
show = lambda *values: print(*[repr(float(v)) for v in values])
)";
    BinaryRows rows{s.probability, s.label, s.user, weight};
    const BinaryMetrics m = MeasureBinary(rows, 0, 1);
    const auto scalars = Numbers(RunPython(folder, load + R"(
base = (w * y).sum() / w.sum()
loss = log_loss(y, p, sample_weight=w)
show(roc_auc_score(y, p, sample_weight=w), average_precision_score(y, p, sample_weight=w), loss,
     np.average((p - y) ** 2, weights=w), loss / log_loss(y, np.full_like(p, base), sample_weight=w), (w * y).sum() / (w * p).sum(),
     brier_score_loss(y, p, sample_weight=w))
)"));
    ASSERT_EQ(scalars.size(), 7u);
    EXPECT_NEAR(m.auc_roc.value, scalars[0], 1e-9);
    EXPECT_NEAR(m.auc_pr.value, scalars[1], 1e-9);
    EXPECT_NEAR(m.log_loss.value, scalars[2], 1e-9);
    EXPECT_NEAR(m.brier.value, scalars[3], 1e-9);
    EXPECT_NEAR(m.normalised_entropy.value, scalars[4], 1e-9);
    EXPECT_NEAR(m.observed_over_expected.value, scalars[5], 1e-9);
    EXPECT_NEAR(m.brier.value, scalars[6], 1e-9);

    const auto roc = Numbers(RunPython(folder, load + R"(
for x, t in zip(*roc_curve(y, p, sample_weight=w, drop_intermediate=False)[:2]): show(x, t)
)"));
    const auto ours = RocCurve(rows, 1 << 20);
    ASSERT_EQ(roc.size(), 2 * ours.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      EXPECT_NEAR(ours[i].x, roc[2 * i], 1e-9);
      EXPECT_NEAR(ours[i].y, roc[2 * i + 1], 1e-9);
    }
    // Ours has the thresholds at which recall rises.
    const auto pr = Numbers(RunPython(folder, load + R"(
precision, recall, _ = precision_recall_curve(y, p, sample_weight=w)
precision, recall = precision[-2::-1], recall[-2::-1]
for i in range(len(recall)):
    if recall[i] > (recall[i - 1] if i else 0): show(recall[i], precision[i])
)"));
    const auto mine = PrCurve(rows, 1 << 20);
    ASSERT_EQ(pr.size(), 2 * mine.size());
    for (std::size_t i = 0; i < mine.size(); ++i) {
      EXPECT_NEAR(mine[i].x, pr[2 * i], 1e-9);
      EXPECT_NEAR(mine[i].y, pr[2 * i + 1], 1e-9);
    }
    const auto bins = Numbers(RunPython(folder, load + R"(
for o, q in zip(*calibration_curve(y, p, n_bins=15, strategy="quantile")): show(q, o)
)"));
    const auto reliability = Reliability({s.probability, s.label, s.user}, 15);
    ASSERT_EQ(bins.size(), 2 * reliability.size());
    double ece = 0;
    for (std::size_t i = 0; i < reliability.size(); ++i) {
      EXPECT_NEAR(reliability[i].mean_probability, bins[2 * i], 1e-9);
      EXPECT_NEAR(reliability[i].observed, bins[2 * i + 1], 1e-9);
      ece += static_cast<double>(reliability[i].rows) * std::fabs(bins[2 * i] - bins[2 * i + 1]);
    }
    EXPECT_NEAR(MeasureBinary({s.probability, s.label, s.user}, 0, 1).ece.value, ece / 3000, 1e-9);
  }
}

TEST(GroupedMetrics, EqualAnIndependentImplementation) {
  for (const int grid : {5, 100000}) {
    const Sample s = RandomSample(static_cast<std::uint64_t>(grid) + 5, 4000, grid);
    Rng rng(3);
    std::vector<std::uint64_t> group;
    for (std::size_t i = 0; i < s.label.size(); ++i) group.push_back(rng.Below(400));
    const TestFolder folder;
    WriteRows(folder, s, std::vector<float>(s.label.size(), 1), group);
    const auto theirs = Numbers(RunPython(folder, R"(
import math
from sklearn.metrics import roc_auc_score, ndcg_score
rows = [line.split() for line in open("rows.txt")]
groups = {}
for p, y, w, user, g in rows: groups.setdefault(g, []).append((float(p), float(y)))
auc = size = average_precision = reciprocal = ndcg = recall = n = 0
for group in groups.values():
    positives = sum(y for _, y in group)
    if not positives: continue
    if positives < len(group):
        auc += len(group) * roc_auc_score([y for _, y in group], [p for p, _ in group])
        size += len(group)
    ranked = [y for _, y in sorted(group, key=lambda row: -row[0])]
    hits = [rank for rank, y in enumerate(ranked, 1) if y]
    n += 1
    average_precision += sum((k + 1) / rank for k, rank in enumerate(hits)) / positives
    reciprocal += 1 / hits[0]
    if len(group) > 1:  # scikit-learn averages ties; ours keeps order: give it scores without ties.
        ndcg += ndcg_score([ranked], [[-r for r in range(len(ranked))]], k=5)
    else:
        ndcg += 1
    recall += sum(rank <= 5 for rank in hits) / positives
print(repr(auc / size), repr(average_precision / n), repr(reciprocal / n), repr(float(ndcg / n)), repr(recall / n), n, len(groups))
)"));
    ASSERT_EQ(theirs.size(), 7u);
    const GroupedMetrics m = MeasureByGroup(s.rows(), group, 5, 50, 1);
    EXPECT_NEAR(m.auc.value, theirs[0], 1e-9);
    EXPECT_NEAR(m.map.value, theirs[1], 1e-9);
    EXPECT_NEAR(m.mrr.value, theirs[2], 1e-9);
    EXPECT_NEAR(m.ndcg.value, theirs[3], 1e-9);
    EXPECT_NEAR(m.recall.value, theirs[4], 1e-9);
    EXPECT_EQ(static_cast<double>(m.with_positive), theirs[5]);
    EXPECT_EQ(static_cast<double>(m.groups), theirs[6]);
    EXPECT_LT(m.auc.interval.low, m.auc.value);
    EXPECT_GT(m.auc.interval.high, m.auc.value);
  }
}

TEST(GroupedMetrics, DoNotRewardKnowingWhichUsersClickMuch) {
  Sample s;
  Rng rng(4);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t user = rng.Below(200);
    const float rate = user < 100 ? 0.05f : 0.5f;
    s.probability.push_back(rate + static_cast<float>(rng.Uniform()) * 0.01f);
    s.label.push_back(rng.Chance(rate));
    s.user.push_back(user);
  }
  EXPECT_GT(MeasureBinary(s.rows(), 0, 1).auc_roc.value, 0.75);
  EXPECT_NEAR(MeasureByGroup(s.rows(), s.user, 10, 0, 1).auc.value, 0.5, 0.02);
}

TEST(CompareBinary, PairsTheVersionsSoThatASmallGainShows) {
  Sample s = RandomSample(6, 20000, 100000);
  Rng rng(6);
  std::vector<float> noisy;  // The same, worse by a little noise on the logit.
  for (const float p : s.probability) {
    const double z = std::log(p / (1 - p)) + 0.3 * rng.Normal();
    noisy.push_back(static_cast<float>(1 / (1 + std::exp(-z))));
  }
  const BinaryMetrics a = MeasureBinary(s.rows(), 200, 1), b = MeasureBinary({noisy, s.label, s.user}, 200, 1),
                      d = CompareBinary(s.rows(), noisy, 200, 1);
  EXPECT_NEAR(d.log_loss.value, b.log_loss.value - a.log_loss.value, 1e-12);
  EXPECT_GT(d.log_loss.interval.low, 0) << "worse, for certain";
  EXPECT_LT(a.auc_roc.interval.low, b.auc_roc.interval.high) << "which the separate intervals do not show";
  EXPECT_LT(d.auc_roc.interval.high, 0);
  const BinaryMetrics same = CompareBinary(s.rows(), s.probability, 50, 1);
  EXPECT_EQ(same.log_loss.interval.high, 0);
}

// Logged choices of a policy over three arms, with rewards of a known world.
struct Bandit {
  static constexpr double kReward[3] = {0.1, 0.2, 0.5}, kLogged[3] = {0.6, 0.3, 0.1}, kTarget[3] = {0.2, 0.2, 0.6};
  std::vector<double> reward, logged, target, q, v, never;
  std::vector<std::uint64_t> user;
  explicit Bandit(std::uint64_t seed, int rows) {
    Rng rng(seed);
    for (int i = 0; i < rows; ++i) {
      const double u = rng.Uniform();
      const int arm = u < kLogged[0] ? 0 : u < kLogged[0] + kLogged[1] ? 1 : 2;
      reward.push_back(rng.Chance(kReward[arm]));
      logged.push_back(kLogged[arm]);
      target.push_back(kTarget[arm]);
      q.push_back(kReward[arm] * 0.8);  // A model that is wrong.
      v.push_back(0.8 * Truth());
      user.push_back(rng.Below(static_cast<std::uint64_t>(rows) / 4 + 1));
    }
  }
  static double Truth() { return kReward[0] * kTarget[0] + kReward[1] * kTarget[1] + kReward[2] * kTarget[2]; }
  LoggedChoices choices() const { return {reward, logged, target, user, never, q, v}; }
};

TEST(OffPolicy, IntervalsCoverTheTruthNearlyAlways) {
  int ipw = 0, snipw = 0, robust = 0, refused = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Bandit bandit(seed, 2000);
    const OffPolicyReport r = EstimateOffPolicy(bandit.choices(), {});
    const auto covers = [&](const Estimate& e) {
      return e.interval.low <= Bandit::Truth() && Bandit::Truth() <= e.interval.high;
    };
    ipw += covers(r.ipw);
    snipw += covers(r.snipw);
    robust += covers(r.doubly_robust);
    refused += !r.evidence();
  }
  EXPECT_GE(ipw, 52);
  EXPECT_GE(snipw, 52);
  EXPECT_GE(robust, 52);
  EXPECT_LE(refused, 9) << "one in twenty, by the mean weight's own error";
}

TEST(OffPolicy, RefusesWhatIsNoEvidence) {
  EXPECT_TRUE(EstimateOffPolicy(Bandit(3, 4000).choices(), {}).evidence());
  Bandit wrong(3, 4000);
  for (double& p : wrong.logged) p *= 0.5;  // Logged probabilities that are not those of what was shown.
  EXPECT_THAT(EstimateOffPolicy(wrong.choices(), {}).refusals, testing::ElementsAre(testing::HasSubstr("mean weight")));
  EXPECT_THAT(EstimateOffPolicy(Bandit(3, 90).choices(), {}).refusals,
              testing::Contains(testing::HasSubstr("effective sample")));
  Bandit outside(3, 4000);
  outside.never.assign(4000, 0.25);
  EXPECT_THAT(EstimateOffPolicy(outside.choices(), {}).refusals,
              testing::ElementsAre(testing::HasSubstr("never show")));
  Bandit none(3, 4000);
  none.logged[7] = 0;
  EXPECT_FALSE(EstimateOffPolicy(none.choices(), {}).evidence());
  EXPECT_FALSE(EstimateOffPolicy({}, {}).evidence());
  EXPECT_DOUBLE_EQ(SlateProbability(std::vector<float>{1, 0.5, 0.25}), 0.125);
}

TEST(OffPolicy, EqualsObp) {
  const std::filesystem::path peers = GFR_SOURCE_DIR "/build/peers-venv/lib";
  std::string obp;
  if (std::filesystem::exists(peers)) {
    for (const auto& python : std::filesystem::directory_iterator(peers)) {
      if (std::filesystem::exists(python.path() / "site-packages/obp")) obp = python.path() / "site-packages/obp";
    }
  }
  if (obp.empty()) GTEST_SKIP() << "obp is not there; `tools/setup --test-peers` (part of `make test`) installs it";
  const Bandit bandit(8, 1500);
  const TestFolder folder;
  {
    std::ofstream file(folder / "rows.txt");
    for (std::size_t i = 0; i < bandit.reward.size(); ++i) file << bandit.reward[i] << " " << bandit.logged[i] << "\n";
  }
  // obp's own estimators. It imports torch and pandas, which its numpy estimators do not use and we do not install.
  const auto theirs = Numbers(RunPython(folder, "root = '" + obp + "'\n" + R"(
import sys, types, numpy as np
for name, kind in (("torch", "Tensor"), ("pandas", "DataFrame")):
    sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name], kind, type(kind, (), {}))
for name, path in (("obp", root), ("obp.ope", root + "/ope")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from obp.ope import estimators
rows = np.loadtxt("rows.txt")
logged = np.array([0.6, 0.3, 0.1])
arm = np.array([int(np.argmin(abs(logged - p))) for p in rows[:, 1]])
n = len(rows)
shared = dict(reward=rows[:, 0], action=arm, pscore=rows[:, 1], position=np.zeros(n, int),
              action_dist=np.tile(np.array([0.2, 0.2, 0.6])[None, :, None], (n, 1, 1)))
q = np.tile(np.array([0.1, 0.2, 0.5])[None, :, None] * 0.8, (n, 1, 1))
print(repr(float(estimators.InverseProbabilityWeighting().estimate_policy_value(**shared))))
print(repr(float(estimators.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**shared))))
print(repr(float(estimators.DoublyRobust().estimate_policy_value(estimated_rewards_by_reg_model=q, **shared))))
w = np.array([0.2, 0.2, 0.6])[arm] / rows[:, 1]
print(repr(float(np.mean(np.minimum(w, 2) * rows[:, 0]))), repr(float(w.sum() ** 2 / (w ** 2).sum())))
)"));
  ASSERT_EQ(theirs.size(), 5u);
  const OffPolicyReport r = EstimateOffPolicy(bandit.choices(), {.clip = 2});
  EXPECT_NEAR(r.ipw.value, theirs[0], 1e-9);
  EXPECT_NEAR(r.snipw.value, theirs[1], 1e-9);
  EXPECT_NEAR(r.doubly_robust.value, theirs[2], 1e-9);
  EXPECT_NEAR(r.clipped.value, theirs[3], 1e-9);
  EXPECT_NEAR(r.effective_sample, theirs[4], 1e-6);
}

}  // namespace
}  // namespace gfr
