#include "train/fit_mean_calibrator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace gfr {
namespace {

struct Amounts {
  std::vector<float> margins, amounts;
  std::vector<Key> users;
};

// `mean_of`: of a margin.
template <typename F>
Amounts Draw(std::size_t count, const F& mean_of) {
  Rng rng(5);
  Amounts drawn;
  for (std::size_t i = 0; i < count; ++i) {
    drawn.margins.push_back(static_cast<float>(rng.Normal()));
    const double mean = mean_of(static_cast<double>(drawn.margins.back()));
    drawn.amounts.push_back(rng.Chance(0.4) ? static_cast<float>(rng.Exponential(mean / 0.4)) : 0.0f);
    drawn.users.push_back(rng.Below(count / 4));
  }
  return drawn;
}

double ObservedOverExpected(const Calibrator& c, const Amounts& rows) {
  double expected = 0;
  for (const float margin : rows.margins) expected += c.Apply(margin);
  return std::accumulate(rows.amounts.begin(), rows.amounts.end(), 0.0) / expected;
}

TEST(FitMeanCalibrator, TheLogLinearFitSolvesItsEquationsAndFindsTheTruth) {
  const Amounts rows = Draw(20000, [](double m) { return std::exp(0.7 * m + 2); });
  const Calibrator c = FitLogLinear(rows.margins, rows.amounts, true);
  double sum = 0, moment = 0, scale = 0;
  for (std::size_t i = 0; i < rows.margins.size(); ++i) {
    const double left = rows.amounts[i] - c.Apply(rows.margins[i]);
    sum += left;
    moment += left * rows.margins[i];
    scale += rows.amounts[i];
  }
  EXPECT_NEAR(sum / scale, 0, 1e-7);
  EXPECT_NEAR(moment / scale, 0, 1e-7);
  EXPECT_NEAR(c.a, 0.7, 0.05);
  EXPECT_NEAR(c.b, 2, 0.05);
}

TEST(FitMeanCalibrator, ForestsThatAreOffByAFactorAreScaledAndTheSumsAgree) {
  const Amounts rows = Draw(2000, [](double m) { return 3 * std::exp(m); });
  const Calibrator c = FitMeanCalibrator(rows.margins, rows.amounts, rows.users);
  EXPECT_EQ(c.kind, Calibrator::Kind::kLogLinear);
  EXPECT_NEAR(ObservedOverExpected(c, rows), 1, 1e-9);
  EXPECT_NEAR(c.Apply(0.5), 3 * std::exp(0.5), 1);
}

TEST(FitMeanCalibrator, AStepIsFoundByTheIsotonicOneWhichNeverFalls) {
  const Amounts rows = Draw(20000, [](double m) { return m < 0 ? 1.0 : 50.0; });
  const Calibrator c = FitMeanCalibrator(rows.margins, rows.amounts, rows.users);
  ASSERT_EQ(c.kind, Calibrator::Kind::kIsotonic);
  EXPECT_TRUE(std::ranges::is_sorted(c.y));
  EXPECT_NEAR(c.Apply(-1), 1, 0.2);
  EXPECT_NEAR(c.Apply(1), 50, 4);
  EXPECT_NEAR(ObservedOverExpected(c, rows), 1, 0.01);
}

TEST(FitMeanCalibrator, WhatFallsWithTheMarginBecomesAConstantAndNoAmountsLeaveTheForestAsItIs) {
  const Amounts rows = Draw(500, [](double m) { return std::exp(-2 * m); });
  const Calibrator c = FitLogLinear(rows.margins, rows.amounts, true);
  EXPECT_EQ(c.a, 0);
  EXPECT_NEAR(ObservedOverExpected(c, rows), 1, 1e-9);
  const std::vector<float> nothing(500);
  const Calibrator none = FitMeanCalibrator(rows.margins, nothing, rows.users);
  EXPECT_EQ(none.a, 1);
  EXPECT_EQ(none.b, 0);
}

}  // namespace
}  // namespace gfr
