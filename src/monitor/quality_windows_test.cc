#include "monitor/quality_windows.h"

#include <gtest/gtest.h>

#include "monitor/score_cells.h"
#include "monitor/test_rows.h"

namespace gfr {
namespace {

// Days of the invented shop with the probability that made each label as the model's score.
struct ScoredRows {
  TestRows made;
  std::vector<float> score, worth;  // A label is worth the row's price.
  QualityRows rows(std::int64_t label_ms) const {
    return {.rows = made.rows(),
            .score = score,
            .worth = worth,
            .early_ms = label_ms,
            .whole_ms = label_ms,
            .known_until_ms = made.arrival_ms.back()};
  }
};

// `off`: what the model's log-odds are too low by, of a row.
ScoredRows ScoredDays(std::uint64_t seed, int days, const std::function<double(std::int64_t, const float*)>& off) {
  ScoredRows scored;
  const auto score = [](const float* row) { return 0.1 / (1 + row[TestRows::kPrice] / 40); };
  scored.made = TestRows::Make(seed, 0, days, 60, [&](std::int64_t at, float* row, double* rate) {
    *rate = CellCounter::OfLogOdds(CellCounter::LogOdds(score(row)) + off(at, row));
  });
  // Rows of an hour are in no order.
  std::vector<std::size_t> order(scored.made.label.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return scored.made.arrival_ms[i]; });
  TestRows sorted;
  for (const std::size_t i : order) {
    const float* row = &scored.made.features[i * TestRows::kColumns];
    sorted.features.insert(sorted.features.end(), row, row + TestRows::kColumns);
    sorted.label.push_back(scored.made.label[i]);
    sorted.arrival_ms.push_back(scored.made.arrival_ms[i]);
    sorted.request.push_back(scored.made.request[i]);
    scored.score.push_back(static_cast<float>(score(row)));
    scored.worth.push_back(row[TestRows::kPrice]);
  }
  scored.made = std::move(sorted);
  return scored;
}

ReportedQuality Judged(const ScoredRows& scored, std::int64_t label_ms) {
  const Reference reference = MakeReference("pctr", TestRows::Columns(), scored.made.rows(), INT64_MIN, INT64_MAX);
  return JudgeQuality(scored.rows(label_ms), &reference, TestRows::At(), INT64_MIN, INT64_MAX, 6 * kHourMs, 500);
}

constexpr auto kNothingOff = [](std::int64_t, const float*) { return 0.0; };

TEST(JudgeQuality, HoldsWhatIsMeasuredOfACalibratedModel) {
  const ReportedQuality judged = Judged(ScoredDays(1, 40, kNothingOff), kDayMs);
  EXPECT_GT(judged.windows.size(), 120u);
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    EXPECT_GT(judged.grades.graded(m), 100u);
    EXPECT_GT(judged.grades.Coverage(m).value, 0.9) << kQualityNames[m];
  }
  EXPECT_EQ(judged.value_grades.graded(), judged.grades.graded(2));
  EXPECT_GT(judged.value_grades.Coverage().value, 0.9);
  EXPECT_LT(judged.value_grades.Width(), 1.3);
}

TEST(JudgeQuality, GradesOnlyWindowsWhoseLabelsAreComplete) {
  const ScoredRows scored = ScoredDays(1, 10, kNothingOff);
  const ReportedQuality judged = Judged(scored, 2 * kDayMs);
  ASSERT_GT(judged.pending.rows, 0u);
  EXPECT_FALSE(judged.pending.graded);
  EXPECT_GT(judged.pending.expected[0].value, 0.5);
  EXPECT_GT(judged.pending.expected_value.value, 0);
  EXPECT_TRUE(std::isnan(judged.pending.measured_value));
  EXPECT_TRUE(std::isnan(judged.pending.early_observed_over_expected.value)) << "cannot know";
  for (const QualityWindow& window : judged.windows)
    EXPECT_EQ(window.graded, window.to_ms - 1 + 2 * kDayMs <= scored.made.arrival_ms.back())
        << FormatTime(window.to_ms);
}

// The labels of a window must not be in its own estimate: those of later windows are turned around.
TEST(JudgeQuality, KnowsOnlyLabelsThatWereCompleteWhenAWindowBegan) {
  ScoredRows scored = ScoredDays(1, 6, [](std::int64_t, const float*) { return 0.5; });
  const ReportedQuality before = Judged(scored, kDayMs);
  const std::int64_t turned_ms = TestRows::kStartMs + 4 * kDayMs;
  for (std::size_t i = 0; i < scored.score.size(); ++i) {
    if (scored.made.arrival_ms[i] >= turned_ms) scored.made.label[i] = 1 - scored.made.label[i];
  }
  const ReportedQuality after = Judged(scored, kDayMs);
  ASSERT_EQ(before.windows.size(), after.windows.size());
  bool differ = false;
  for (std::size_t w = 0; w < before.windows.size(); ++w) {
    // Labels of the fourth day are complete, and the fit is made anew, a day later.
    if (before.windows[w].from_ms >= turned_ms + kDayMs) continue;
    for (std::size_t m = 0; m < kQualityMetrics; ++m) {
      EXPECT_EQ(before.windows[w].expected[m].value, after.windows[w].expected[m].value);
      EXPECT_EQ(before.windows[w].expected[m].interval.high, after.windows[w].expected[m].interval.high);
    }
    differ |= before.windows[w].measured != after.windows[w].measured;
  }
  EXPECT_TRUE(differ) << "what is measured of the turned labels is another";
}

TEST(JudgeQuality, CorrectsASliceThatWasOffByItsKnownLabels) {
  const auto off = [](std::int64_t, const float* row) { return row[TestRows::kDevice] == 1 ? 1.0 : 0.0; };
  const ReportedQuality judged = Judged(ScoredDays(2, 21, off), kDayMs);
  EXPECT_GT(std::ranges::count(judged.corrected_by, "device"), 0);
  double first = 0, last = 0;  // Errors of the log loss, before and after labels were known.
  for (std::size_t w = 0; w < 4; ++w) {
    first += judged.windows[w].measured[2] - judged.windows[w].expected[2].value;
    const QualityWindow& late = judged.windows[judged.windows.size() - 6 - w];
    ASSERT_TRUE(late.graded);
    last += late.measured[2] - late.expected[2].value;
  }
  EXPECT_LT(std::fabs(last), std::fabs(first) / 2);
}

TEST(JudgeQuality, SeesConceptDriftOnlyByEarlyLabels) {
  const std::int64_t drift_ms = TestRows::kStartMs + 19 * kDayMs;
  ScoredRows scored =
      ScoredDays(3, 20, [&](std::int64_t at, const float*) { return at >= drift_ms ? std::log(0.5) : 0; });
  EXPECT_TRUE(std::isnan(Judged(scored, kDayMs).pending.early_observed_over_expected.value));
  // Every second label comes within an hour; the whole window is a day.
  QualityRows rows = scored.rows(kDayMs);
  const std::vector<float> whole = scored.made.label;
  Rng rng(1);
  for (float& label : scored.made.label) label = label > 0.5f && rng.Chance(0.5) ? 1 : 0;
  rows.whole = whole;
  rows.rows.label = scored.made.label;
  rows.early_ms = kHourMs;
  const ReportedQuality judged = JudgeQuality(rows, nullptr, {}, INT64_MIN, INT64_MAX, 6 * kHourMs, 500);
  const Estimate& early = judged.pending.early_observed_over_expected;
  EXPECT_NEAR(early.value, 0.5, 0.15);
  EXPECT_LT(early.interval.high, 0.95) << "it is not calibrated any more, and that is known before the labels are";
}

}  // namespace
}  // namespace gfr
