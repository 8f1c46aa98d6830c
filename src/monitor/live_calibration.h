// JudgeCalibration: whether a version's probabilities still hold, by slice, as labels become complete; and what AUC,
// average precision and log loss its served rows are expected to have before they are.
//
// Observed over expected of a slice is watched by confidence sequences (stats/confidence_sequence.h), which may be
// looked at each hour: seven of them, begun at the last seven days, so that what changed lately is not hidden by what
// was before. Hours are the clusters of their errors. The slice's target is 1 in the version's first week, and then its
// own ratio of that week, whose error is added. An alert opens when a sequence is wholly further than `margin` from the
// target, with at least kLeastExpected positives expected in kLeastHours hours. The level is the budget's share over
// all slices and sequences. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "monitor/alert.h"
#include "monitor/drift_options.h"
#include "monitor/label_free_quality.h"
#include "monitor/live_slices.h"
#include "monitor/live_values.h"

namespace gfr {

struct SliceState {
  std::string name;                 // "all", "city=Berlin".
  SliceSums last_day;               // Of the rows that were served, and of the labels that were complete by then.
  Estimate observed_over_expected;  // Of the last 7 days with labels; 95 %, hours as clusters. NaN: no labels.
};

struct LiveQuality {
  QualityEstimates pending;  // Of the hours whose labels are not complete, "if still calibrated"; NaN: no rows.
  std::uint64_t pending_rows = 0;
  QualityGrades grades;                                                     // Of the windows before.
  Estimate pending_value = {std::numeric_limits<double>::quiet_NaN(), {}};  // Ranking value an impression, likewise.
  MetricGrade value_grades;
};

struct LiveCalibration {
  std::vector<DriftAlert> alerts;
  std::vector<SliceState> slices;  // All rows first, then by rows of the last day; without those of the score.
  LiveQuality quality;
  double ece = 0;  // Of the last 7 days with labels, over steps of the score; NaN: no labels.
};

struct CalibrationQuestion {
  std::string objective, model;        // "name/version".
  std::int64_t until_ms = 0;           // Hours that ended by then have all their rows,
  std::int64_t labels_until_ms = 0;    // and those by then all their labels.
  double alerts_a_day = 0;             // Budget of all of it.
  const LiveValues* values = nullptr;  // Of the same hours; null: ranking value is not known.
};

inline constexpr double kLeastExpected = 150, kLeastHours = 12;

LiveCalibration JudgeCalibration(const LiveSlices& slices, const CalibrationQuestion& question,
                                 const DriftOptions& options);

}  // namespace gfr
