// JudgeQuality: window after window of a model's rows, what their quality was expected to be before their labels were
// known (label_free_quality.h), and how that was graded.
//
// A window is estimated by what was known when it began: its probabilities are corrected slice by slice
// (slice_correction.h) by the rows whose labels were complete by then, fitted anew each day, and as soon as half as
// many again are known, on at most kFittedQualityRows of them; and its intervals are as wide as the windows graded by
// then ask for. Without such rows the probabilities are taken as they are. Nothing of a window's labels moves its own
// estimate. Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "monitor/label_free_quality.h"
#include "monitor/reference.h"

namespace gfr {

struct QualityRows {
  ReferenceRows rows;                       // In order of arrival; `label` is of the early window where there is one.
  std::span<const float> whole;             // Labels within the whole window; empty: as rows.label.
  std::span<const float> score;             // The model's probability; NaN: it has none of the row.
  std::span<const float> worth;             // Ranking value of a label of each row; NaN: unknown. Empty: of all.
  std::int64_t early_ms = 0, whole_ms = 0;  // Ages at which labels are complete; equal: there is no early window.
  std::int64_t known_until_ms = 0;          // Labels that arrived until then are known.
};

struct QualityWindow {
  std::int64_t from_ms = 0, to_ms = 0;
  std::uint64_t rows = 0;
  QualityEstimates expected;
  bool graded = false;
  QualityValues measured = {};  // If graded.
  // Ranking value an impression: of `worth`; NaN: there is none.
  Estimate expected_value;
  double measured_value = std::numeric_limits<double>::quiet_NaN();  // If graded.
  // Of rows whose labels are complete for the early window alone: those labels, over what is expected times the share
  // of labels that come so early. NaN: cannot know, since there are no early labels.
  Estimate early_observed_over_expected;
};

struct ReportedQuality {
  std::vector<QualityWindow> windows;
  QualityWindow pending;  // All rows whose labels are not complete, as one; no rows: there are none.
  QualityGrades grades;
  MetricGrade value_grades;
  std::vector<std::string> corrected_by;  // Columns, by the last fit.
  std::uint64_t fitted_rows = 0;          // Of the last fit.
};

inline constexpr std::size_t kFittedQualityRows = 200'000;

// `features`, `at`: the columns that are slices, and where they lie in a row; null: the score alone is one.
// A window lasts `period_ms`, and until it has `min_rows` rows.
ReportedQuality JudgeQuality(const QualityRows& rows, const Reference* features, const std::vector<std::size_t>& at,
                             std::int64_t from_ms, std::int64_t to_ms, std::int64_t period_ms, std::uint64_t min_rows);

}  // namespace gfr
