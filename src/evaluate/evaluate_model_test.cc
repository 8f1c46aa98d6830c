#include "evaluate/evaluate_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "evaluate/rank_slates.h"
#include "evaluate/test_model.h"

namespace gfr {
namespace {

// Impressions that are clicked as OneSplit says, and a slate of two items of which the second was clicked.
Dataset Impressions() {
  Rng rng(5);
  Dataset data{.columns = 1, .first_arrival_ms = 0};
  data.objectives.resize(1);
  ObjectiveRows& rows = data.objectives[0];
  for (int i = 0; i < 4000; ++i) {
    const double x = rng.Normal();
    rows.features.push_back(static_cast<float>(x));
    rows.label.push_back(rng.Chance(1 / (1 + std::exp(x >= 0 ? 0.5 : 2))));
    rows.user.push_back(1 + rng.Below(200));
    rows.arrival_ms.push_back(i);
    rows.offset.push_back(static_cast<std::uint64_t>(i));
    rows.request.push_back(static_cast<Key>(i / 4) + 1);
    rows.position.push_back(i % 4);
  }
  data.last_arrival_ms = rows.arrival_ms.back();
  data.slate_features = {-1, 1};
  data.slates.push_back({.user = 1,
                         .session = 1,
                         .arrival_ms = 5,
                         .items = 2,
                         .clicked = 1,
                         .popularity = {1, 0},
                         .most_recent = {1, 0}});
  return data;
}

const std::vector<ObjectiveConfig> kPctr{{.name = "pctr", .window_ms = 1000}};

TEST(EvaluateModel, JudgesAModelWithoutATrainer) {
  const auto judged = EvaluateModel(OneSplit(), Impressions(), kPctr, {{}});
  ASSERT_TRUE(judged.ok()) << judged.error().message;
  const EvaluationReport& report = judged.value();
  ASSERT_EQ(report.objectives.size(), 1u);
  EXPECT_EQ(report.objectives[0].metrics.rows, 4000u);
  EXPECT_GT(report.objectives[0].metrics.auc_roc.interval.low, 0.6);
  EXPECT_NEAR(report.objectives[0].metrics.observed_over_expected.value, 1, 0.1);
  EXPECT_TRUE(report.objectives[0].importance.empty());
  EXPECT_EQ(report.ranking.mrr.value, 1) << "the clicked item has the higher score";
}

TEST(EvaluateModel, AsksAFunctionForTheImportanceOfFeatures) {
  const ExplainForest explain = [](const std::string&, const float*, std::size_t count, std::size_t columns) {
    EXPECT_EQ(count, 500u);
    EXPECT_EQ(columns, 1u);
    return Result<ForestImportance>({.gain = {3}, .mean_abs_shap = {0.5}});
  };
  const auto judged = EvaluateModel(OneSplit(), Impressions(), kPctr, {{}}, {.explain = explain});
  ASSERT_EQ(judged.value().objectives[0].importance.size(), 1u);
  EXPECT_EQ(judged.value().objectives[0].importance[0].feature, "x");
  EXPECT_EQ(judged.value().objectives[0].importance[0].shap, 0.5);
}

// Such margins were 0 before, or what lay behind the rows, and the report had metrics of them.
TEST(EvaluateModel, OfAForestThatCannotScoreTheRowsIsAnErrorAndNotAMetric) {
  Model damaged = OneSplit();
  damaged.objectives[0].forest.columns = 3;
  const auto judged = EvaluateModel(damaged, Impressions(), kPctr, {{}});
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(judged.error().message, testing::HasSubstr("reads 3 columns, but a row has 1"));
  EXPECT_FALSE(RankSlates(damaged, Impressions(), INT64_MIN, INT64_MAX).ok());
  EXPECT_FALSE(EvaluateModel(OneSplit(), Impressions(), kPctr, {{}}, {.against = &damaged}).ok());
}

TEST(EvaluateModel, OfAModelWithoutObjectivesIsAnError) {
  Model empty = OneSplit();
  empty.objectives.clear();
  const auto judged = EvaluateModel(empty, Impressions(), kPctr, {{}});
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace gfr
