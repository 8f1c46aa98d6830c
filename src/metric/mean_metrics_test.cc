#include "metric/mean_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace gfr {
namespace {

TEST(MeanMetrics, AreWhatTheirFormulasSay) {
  const std::vector<float> predicted{1, 4, 9}, amount{0, 4, 16};
  const std::vector<std::uint64_t> user{1, 1, 2};
  const MeanMetrics m = MeasureMean({predicted, amount, user}, 200, 7);
  EXPECT_EQ(m.rows, 3u);
  EXPECT_EQ(m.positives, 2u);
  EXPECT_DOUBLE_EQ(m.observed_over_expected.value, 20.0 / 14);
  EXPECT_DOUBLE_EQ(m.deviance.value, (4.0 + 0 + 4.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(m.rmse.value, std::sqrt((1.0 + 0 + 49) / 3));
  EXPECT_DOUBLE_EQ(m.mae.value, 8.0 / 3);
  double constant = 0;
  for (const float y : amount) constant += TweedieDeviance(20.0 / 3, y);
  EXPECT_NEAR(m.deviance_share.value, (4.0 + 4.0 / 3) / constant, 1e-12);
  EXPECT_LE(m.mae.interval.low, m.mae.value);
  EXPECT_GE(m.mae.interval.high, m.mae.value);
}

TEST(MeanMetrics, TheDevianceIsLeastAtTheTrueMean) {
  const std::vector<float> amount{0, 0, 0, 10, 2, 30};
  const auto deviance = [&](double mean) {
    double sum = 0;
    for (const float y : amount) sum += TweedieDeviance(mean, y);
    return sum;
  };
  EXPECT_LT(deviance(7), deviance(6.8));
  EXPECT_LT(deviance(7), deviance(7.2));
}

TEST(MeanMetrics, TwoModelsAreComparedByTheirPairedDeviances) {
  const std::vector<float> truth{1, 4, 9, 1}, half{0.5, 2, 4.5, 0.5}, amount{1, 4, 9, 1};
  const std::vector<std::uint64_t> user{1, 2, 3, 4};
  const PairedLogLoss of = ComparePairedDeviance(truth, half, amount, user);
  EXPECT_LT(of.difference, 0);
  EXPECT_GT(of.champion, 0);
  EXPECT_NEAR(of.candidate_log_oe, 0, 1e-9);
  EXPECT_NEAR(of.champion_log_oe, std::log(2), 1e-9);
  EXPECT_EQ(of.positives, 4u);
}

}  // namespace
}  // namespace gfr
