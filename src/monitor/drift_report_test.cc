#include "monitor/drift_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "monitor/test_rows.h"

namespace gfr {
namespace {

// Three days after 28 of training, by the hour; the rows are kept for what the report does not hold.
DriftReport ReportOn(const TestRows::Fault& fault, std::span<const float> prediction = {}) {
  const TestRows before = TestRows::Make(1, 0, 28, 60), after = TestRows::Make(1, 28, 31, 60, fault);
  DriftReport report{.project = "shop",
                     .against = "feed/1",
                     .from_ms = after.arrival_ms.front() / kDayMs * kDayMs,
                     .to_ms = TestRows::kStartMs + 31 * kDayMs,
                     .options = {.min_rows = 200}};
  report.references = {MakeReference("pctr", TestRows::Columns(), before.rows(), 0, INT64_MAX, {{5, "<email>"}}),
                       {MakePrior("pctr", before.rows())}};
  JudgeColumns(after.rows(), TestRows::At(), {{9, "tv & radio"}}, &report);
  const std::vector<float> predicted(prediction.empty() ? 0 : after.label.size(),
                                     prediction.empty() ? 0 : prediction[0]);
  JudgePrior("pctr", after.rows(), predicted, &report);
  SortReport(&report);
  return report;
}

DriftReport NewChannel() {
  return ReportOn([](std::int64_t at, float* row, double*) {
    if (at >= TestRows::kStartMs + 29 * kDayMs && row[TestRows::kChannel] == 1) row[TestRows::kChannel] = 9;
  });
}

TEST(DriftReport, PutsWhatAlertedFirstAndNamesUnseenValues) {
  const DriftReport report = NewChannel();
  ASSERT_EQ(report.alerts.size(), 1u);
  const ReportedColumn& first = report.columns.front();
  EXPECT_EQ(first.drift.name, "channel");
  EXPECT_EQ(first.drift.metric, "unseen");
  EXPECT_EQ(first.unseen, std::vector<std::string>{"tv & radio"});
  EXPECT_GE(first.first_seen_ms, TestRows::kStartMs + 29 * kDayMs);
  EXPECT_EQ(first.scores.size(), report.windows.size());
  EXPECT_EQ(report.columns.size(), TestRows::kColumns);
}

TEST(DriftReport, IsAJsonDocumentWithEveryFigure) {
  const auto json = nlohmann::json::parse(DriftToJson(NewChannel()));
  EXPECT_EQ(json["alerts"][0]["name"], "channel");
  EXPECT_EQ(json["alerts"][0]["kind"], "feature");
  EXPECT_EQ(json["columns"][0]["unseen_values"][0], "tv & radio");
  EXPECT_EQ(json["columns"][0]["bins"].size(), 6u + 3);
  EXPECT_EQ(json["reference"]["days"], 28);
  EXPECT_EQ(json["windows"][0]["scores"].size(), TestRows::kColumns);
  EXPECT_EQ(json["objectives"][0]["name"], "pctr");
  EXPECT_TRUE(json["objectives"][0]["mean_prediction"].is_null());  // No model was given.
  EXPECT_TRUE(json["columns"][0]["value_a_day"].is_null());
}

TEST(DriftReport, PricesADriftInRankingValueWhereALabelsWorthIsKnown) {
  DriftReport report = NewChannel();
  report.label_worth = 2.5;
  const auto column = nlohmann::json::parse(DriftToJson(report))["columns"][0];
  EXPECT_GT(column["labels_a_day"].get<double>(), 0);
  EXPECT_NEAR(column["value_a_day"].get<double>(), 2.5 * column["labels_a_day"].get<double>(), 1e-9);
  EXPECT_NE(DriftToHtml(report).find("A label is worth 2.5 in ranking value"), std::string::npos);
}

TEST(DriftReport, IsAPageWithAHeatMapAndDistributions) {
  const std::string html = DriftToHtml(NewChannel());
  EXPECT_NE(html.find("Columns over time"), std::string::npos);
  EXPECT_NE(html.find("tv &amp; radio"), std::string::npos);
  EXPECT_NE(html.find("&lt;email&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<email>"), std::string::npos);
  EXPECT_NE(html.find("#a50f15"), std::string::npos);  // A cell far above the threshold.
}

TEST(DriftReport, SaysObservedOverExpectedWithItsInterval) {
  const float tenth = 0.1f;
  const DriftReport report = ReportOn([](std::int64_t, float*, double* rate) { *rate = 0.05; }, {&tenth, 1});
  const ReportedObjective& o = report.objectives.front();
  EXPECT_NEAR(o.all.mean_prediction, 0.1, 1e-6);
  EXPECT_NEAR(o.observed_over_expected.value, 0.5, 0.05);
  EXPECT_LT(o.observed_over_expected.interval.low, 0.5);
  EXPECT_GT(o.observed_over_expected.interval.high, 0.45);
  EXPECT_LT(o.observed_over_expected.interval.high, 1);
  EXPECT_EQ(o.days.size(), 3u);
}

TEST(DriftReport, SaysWhyThereAreNoAlerts) {
  const TestRows before = TestRows::Make(1, 0, 3, 60), after = TestRows::Make(1, 3, 4, 60);
  DriftReport report{.from_ms = INT64_MIN, .to_ms = INT64_MAX};
  report.from_ms = after.arrival_ms.front();
  report.to_ms = after.arrival_ms.back() + 1;
  report.references = {MakeReference("pctr", TestRows::Columns(), before.rows(), 0, INT64_MAX), {}};
  JudgeColumns(after.rows(), TestRows::At(), {}, &report);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("7 are needed"), std::string::npos) << report.notes[0];
  EXPECT_TRUE(nlohmann::json::parse(DriftToJson(report))["threshold"].is_null());
}

}  // namespace
}  // namespace gfr
