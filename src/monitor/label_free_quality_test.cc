#include "monitor/label_free_quality.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/rng.h"
#include "metric/binary_metrics.h"
#include "monitor/slice_correction.h"

namespace gfr {
namespace {

struct Drawn {
  std::vector<float> score, label;
};

// `odd`: how far what happens is from the score, in log-odds.
Drawn DrawRows(std::uint64_t seed, int rows, double odd = 0) {
  Rng rng(seed);
  Drawn drawn;
  for (int i = 0; i < rows; ++i) {
    const double log_odds = -2.5 + 1.1 * rng.Normal();
    drawn.score.push_back(static_cast<float>(CellCounter::OfLogOdds(log_odds)));
    drawn.label.push_back(rng.Chance(CellCounter::OfLogOdds(log_odds + odd)) ? 1 : 0);
  }
  return drawn;
}

std::vector<ScoredCell> CellsOf(const Drawn& drawn) {
  CellCounter counter;
  for (std::size_t i = 0; i < drawn.score.size(); ++i)
    counter.Add(drawn.score[i], drawn.score[i], drawn.label[i] > 0.5f);
  return counter.cells();
}

TEST(MeasureQuality, IsWhatTheMetricsOfTheRowsAre) {
  const Drawn drawn = DrawRows(1, 20'000);
  std::vector<std::uint64_t> user(drawn.score.size());
  std::iota(user.begin(), user.end(), 1);
  const BinaryMetrics exact = MeasureBinary({drawn.score, drawn.label, user}, 2, 1);
  const QualityValues cells = MeasureQuality(CellsOf(drawn));
  EXPECT_NEAR(cells[0], exact.auc_roc.value, 1e-3);
  EXPECT_NEAR(cells[1], exact.auc_pr.value, 3e-3);
  EXPECT_NEAR(cells[2], exact.log_loss.value, 1e-4);
}

// Every labelling of a few rows, weighted by its probability.
TEST(EstimateQuality, IsTheMeanOverAllLabellings) {
  const std::vector<ScoredCell> cells = {{.score = 0.1, .probability = 0.1, .rows = 3},
                                         {.score = 0.3, .probability = 0.2, .rows = 1},
                                         {.score = 0.3, .probability = 0.5, .rows = 2},
                                         {.score = 0.7, .probability = 0.6, .rows = 2},
                                         {.score = 0.9, .probability = 0.95, .rows = 1}};
  std::vector<ScoredCell> rows;
  for (const ScoredCell& cell : cells) {
    for (double i = 0; i < cell.rows; ++i) rows.push_back({cell.score, cell.probability, 1, 0});
  }
  QualityValues mean = {}, weight = {}, squares = {};
  for (unsigned labels = 0; labels < 1u << rows.size(); ++labels) {
    double chance = 1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].positives = labels >> i & 1;
      chance *= rows[i].positives > 0 ? rows[i].probability : 1 - rows[i].probability;
    }
    const QualityValues values = MeasureQuality(rows);
    for (std::size_t m = 0; m < kQualityMetrics; ++m) {
      if (std::isnan(values[m])) continue;
      mean[m] += chance * values[m];
      squares[m] += chance * values[m] * values[m];
      weight[m] += chance;
    }
  }
  const QualityEstimates estimates = EstimateQuality(cells, {.draws = 40'000});
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    const double expected = mean[m] / weight[m], sd = std::sqrt(squares[m] / weight[m] - expected * expected);
    EXPECT_NEAR(estimates[m].value, expected, 5 * sd / 200) << kQualityNames[m];
    EXPECT_NEAR(estimates[m].interval.high - estimates[m].value, 1.96 * sd, 0.05 * sd) << kQualityNames[m];
  }
}

TEST(EstimateQuality, HoldsWhatIsMeasuredAsOftenAsItSays) {
  QualityGrades grades;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const std::vector<ScoredCell> cells = CellsOf(DrawRows(seed, 800));
    grades.Add(EstimateQuality(cells, {.seed = seed}), {1, 1, 1}, MeasureQuality(cells));
  }
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    EXPECT_EQ(grades.graded(m), 300u);
    EXPECT_GT(grades.Coverage(m).value, 0.9) << kQualityNames[m];
    EXPECT_LT(grades.Coverage(m).value, 0.985) << kQualityNames[m];
    EXPECT_LT(grades.Width(m), 1.15) << kQualityNames[m];
  }
}

TEST(QualityGrades, WidenWhatWasTooNarrowAndNarrowWhatWasTooWide) {
  QualityGrades grades;
  const Estimate narrow{0.5, {0.5 - 0.00196, 0.5 + 0.00196}};  // A deviation of 0.001.
  for (int i = 0; i < 90; ++i) grades.Add({narrow, narrow, narrow}, {1, 1, 1}, {0.503, 0.5, std::nan("")});
  EXPECT_EQ(grades.Coverage(0).value, 0);
  EXPECT_NEAR(grades.Width(0), std::sqrt((10 + 90 * 9) / 100.0), 1e-9);
  EXPECT_EQ(grades.Coverage(1).value, 1);
  EXPECT_EQ(grades.Width(1), MetricGrade::kNarrowest);
  EXPECT_EQ(grades.graded(2), 0u) << "what does not exist has no grade";
}

// Against draws of all labels: each worth another amount, and all log-odds moved by one step.
TEST(ValueSums, HaveTheMeanAndTheDeviationOfDraws) {
  Rng rng(7);
  std::vector<double> p, worth;
  ValueSums sums;
  for (int i = 0; i < 400; ++i) {
    p.push_back(0.02 + 0.3 * rng.Uniform());
    worth.push_back(std::exp(rng.Normal()));
    sums.Add(worth.back(), p.back(), i % 10 == 0);
  }
  sums.Add(std::nan(""), 0.9, true);
  EXPECT_EQ(sums.rows, 400);
  double measured = 0, mean = 0, squares = 0;
  for (std::size_t i = 0; i < p.size(); i += 10) measured += worth[i] / 400;
  EXPECT_NEAR(sums.Measured(), measured, 1e-12);
  constexpr int kDraws = 4000;
  constexpr double kShift = 0.2;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double step = kShift * rng.Normal();
    double value = 0;
    for (std::size_t i = 0; i < p.size(); ++i)
      value += rng.Chance(CellCounter::OfLogOdds(CellCounter::LogOdds(p[i]) + step)) ? worth[i] / 400 : 0;
    mean += value / kDraws;
    squares += value * value / kDraws;
  }
  const double sd = std::sqrt(squares - mean * mean);
  const Estimate estimate = sums.Expected(kShift, 1);
  EXPECT_NEAR(estimate.value, mean, 0.15 * sd);
  EXPECT_NEAR(estimate.interval.high - estimate.value, 1.96 * sd, 0.15 * sd);
  EXPECT_NEAR(sums.Expected(kShift, 2).interval.high - mean, 2 * (estimate.interval.high - mean), 0.2 * sd);
  EXPECT_TRUE(std::isnan(ValueSums().Expected(kShift, 1).value));
}

TEST(EstimateQuality, OfOneClassIsOnlyItsLogLoss) {
  EXPECT_TRUE(std::isnan(EstimateQuality({}, {})[2].value));
  const std::vector<ScoredCell> sure = {{.score = 1e-12, .probability = 0, .rows = 5}};
  const QualityEstimates estimates = EstimateQuality(sure, {});
  EXPECT_TRUE(std::isnan(estimates[0].value));
  EXPECT_NEAR(estimates[2].value, 0, 1e-6);
}

// Rows of two columns; slice 1 of the first is off by `odd`, and has `share` of the rows.
struct Sliced {
  std::vector<float> score, label, truth;
  std::vector<std::uint8_t> bins;
  std::vector<std::int64_t> window;
};
Sliced DrawSliced(std::uint64_t seed, int rows, double odd, double share, double between_windows = 0) {
  Rng rng(seed);
  Sliced drawn;
  double moved = 0;
  for (int i = 0; i < rows; ++i) {
    if (i % 500 == 0) moved = between_windows * rng.Normal();
    const bool in_slice = rng.Chance(share);
    const double log_odds = -2 + 0.8 * rng.Normal(), truth = log_odds + (in_slice ? odd : 0) + moved;
    drawn.score.push_back(static_cast<float>(CellCounter::OfLogOdds(log_odds)));
    drawn.truth.push_back(static_cast<float>(CellCounter::OfLogOdds(truth)));
    drawn.label.push_back(rng.Chance(drawn.truth.back()) ? 1 : 0);
    drawn.bins.push_back(in_slice);
    drawn.bins.push_back(static_cast<std::uint8_t>(rng.Below(5)));
    drawn.window.push_back(i / 500);
  }
  return drawn;
}

TEST(SliceCorrection, MovesASliceThatIsOffAndNothingElse) {
  const Sliced drawn = DrawSliced(1, 40'000, 0.8, 0.2);
  const SliceCorrection fitted = SliceCorrection::Fit({drawn.score, drawn.bins, 2}, drawn.label, drawn.window);
  ASSERT_FALSE(fitted.Columns().empty());
  EXPECT_EQ(fitted.Columns()[0], 0u);
  const std::uint8_t in[] = {1, 3}, out[] = {0, 3};
  EXPECT_NEAR(CellCounter::LogOdds(fitted.Apply(0.1f, in)) - CellCounter::LogOdds(0.1), 0.8, 0.12);
  EXPECT_NEAR(CellCounter::LogOdds(fitted.Apply(0.1f, out)) - CellCounter::LogOdds(0.1), 0, 0.08);
  EXPECT_LT(fitted.shift(), 0.08);
}

// In slice 1 the model says too much: what happens goes half as far with the score as it says (Cox's slope is 0.5).
TEST(SliceCorrection, ChangesTheSlopeOfASliceAndWithItTheAreaUnderTheCurve) {
  Rng rng(11);
  Sliced before, now;
  for (Sliced* drawn : {&before, &now}) {
    for (int i = 0; i < 40'000; ++i) {
      const bool in_slice = rng.Chance(drawn == &before ? 0.2 : 0.8);
      const double log_odds = -2 + 1.2 * rng.Normal(), truth = in_slice ? -2 + 0.4 * (log_odds + 2) : log_odds;
      drawn->score.push_back(static_cast<float>(CellCounter::OfLogOdds(log_odds)));
      drawn->truth.push_back(static_cast<float>(CellCounter::OfLogOdds(truth)));
      drawn->label.push_back(rng.Chance(drawn->truth.back()) ? 1 : 0);
      drawn->bins.push_back(in_slice);
      drawn->bins.push_back(static_cast<std::uint8_t>(rng.Below(5)));
      drawn->window.push_back(i / 500);
    }
  }
  const SliceCorrection fitted = SliceCorrection::Fit({before.score, before.bins, 2}, before.label, before.window);
  const std::uint8_t in[] = {1, 3}, out[] = {0, 3};
  const auto moved = [&](double log_odds, const std::uint8_t* bins) {
    return CellCounter::LogOdds(fitted.Apply(static_cast<float>(CellCounter::OfLogOdds(log_odds)), bins));
  };
  EXPECT_NEAR(moved(-0.5, in), -1.4, 0.15);
  EXPECT_NEAR(moved(-3.5, in), -2.6, 0.15);
  EXPECT_NEAR(moved(-0.5, out), -0.5, 0.1);
  CellCounter corrected, taken, truth;
  for (std::size_t i = 0; i < now.score.size(); ++i) {
    corrected.Add(now.score[i], fitted.Apply(now.score[i], &now.bins[2 * i]));
    taken.Add(now.score[i], now.score[i]);
    truth.Add(now.score[i], now.truth[i]);
  }
  const double expected = EstimateQuality(truth.cells(), {})[0].value;
  EXPECT_NEAR(EstimateQuality(corrected.cells(), {})[0].value, expected, 0.01);
  EXPECT_GT(EstimateQuality(taken.cells(), {})[0].value, expected + 0.06);
}

TEST(SliceCorrection, LeavesWhatIsRightAsItIs) {
  int moved = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Sliced drawn = DrawSliced(seed, 5'000, 0, 0.2);
    moved += !SliceCorrection::Fit({drawn.score, drawn.bins, 2}, drawn.label, drawn.window).Columns().empty();
  }
  EXPECT_LE(moved, 2);
  const Sliced few = DrawSliced(1, 100, 2, 0.5);
  EXPECT_TRUE(SliceCorrection::Fit({few.score, few.bins, 2}, few.label, few.window).Columns().empty());
}

TEST(SliceCorrection, KnowsHowFarWindowsDiffer) {
  const Sliced drawn = DrawSliced(3, 100'000, 0, 0.2, 0.3);
  EXPECT_NEAR(SliceCorrection::Fit({drawn.score, drawn.bins, 2}, drawn.label, drawn.window).shift(), 0.3, 0.06);
}

// Must hold against estimates that know the global calibration alone (as CBPE does): at most half of their error.
TEST(QualityBeforeLabels, FollowsRowsThatMoveToASliceThatWasOff) {
  double corrected_error = 0, global_error = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Sliced before = DrawSliced(seed, 40'000, 0.8, 0.1), now = DrawSliced(seed + 100, 20'000, 0.8, 0.6);
    const SliceCorrection slices = SliceCorrection::Fit({before.score, before.bins, 2}, before.label, before.window);
    const SliceCorrection global = SliceCorrection::Fit({before.score, {}, 0}, before.label, before.window);
    CellCounter by_slice, by_score, truth;
    for (std::size_t i = 0; i < now.score.size(); ++i) {
      by_slice.Add(now.score[i], slices.Apply(now.score[i], &now.bins[2 * i]));
      by_score.Add(now.score[i], global.Apply(now.score[i], nullptr));
      truth.Add(now.score[i], now.truth[i]);
    }
    for (const std::size_t m : {1u, 2u}) {
      const double expected = EstimateQuality(truth.cells(), {})[m].value;
      corrected_error += std::fabs(EstimateQuality(by_slice.cells(), {})[m].value - expected);
      global_error += std::fabs(EstimateQuality(by_score.cells(), {})[m].value - expected);
    }
  }
  EXPECT_LT(corrected_error, global_error / 2) << global_error;
}

}  // namespace
}  // namespace gfr
