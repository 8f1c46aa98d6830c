// Detector: judges windows one after another against a reference, and opens, groups and closes alerts.
//
// An alert opens when a column's score is above the threshold in two windows in a row, or far above it in one (a
// category that nobody knew, a feature that is gone), or above that of a day in the last 24 hours together (what is
// slow): QuietModel's rules. It takes in every other column that crosses in the same window or in the kGroupWindows
// after it: they are of one cause, which is named after the highest score; among those of the request where one of them
// crossed. It closes when all of its columns were below for a day: a fault shows less in the hours of few rows. The
// same windows give the same alerts, so that a server that starts again judges its kept windows anew. Thread safety:
// none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/alert.h"
#include "monitor/quiet_model.h"
#include "stats/bin_distances.h"

namespace gfr {

// A column of some rows against the reference.
struct ColumnDrift {
  std::string name;
  bool moves = false;  // By itself: it was judged against the week before (QuietModel).
  bool of_request = false, categorical = false;
  double score = 0;  // QuietModel::Scores, the highest of the windows; NaN: no windows were judged.
  Distances distances = {};
  std::string metric;  // What most of the drift is: "psi", "missing", "out_of_range" (of numbers), "unseen".
  double value = 0, expected = 0;  // Of `metric`; `expected` of a share: the reference's.
  // rows a day x sum over bins |q - p| |m - M|, where m is the reference's positive rate in a bin and M that of all: at
  // most so many labels a day are expected wrongly because of this column alone. A bin that the reference has no rows
  // of counts as M.
  double labels_a_day = 0;
};
// REQUIRES: `counts` are of the column's bins.
ColumnDrift DriftOf(const Reference& reference, std::size_t column, const BinCounts& counts, double rows_a_day);
// A window's counts of one column, without its extremes. `first_bin`: of the column.
BinCounts CountsIn(const ReferenceWindow& window, std::size_t first_bin, std::size_t bins);

class Detector {
 public:
  static constexpr int kGroupWindows = 6;
  static constexpr std::size_t kKept = 100;  // Alerts.

  // REQUIRES: both outlive it, and what is judged comes after the reference. `goes_on`: it is of the same population as
  // the reference, so that the week before the first windows is the reference's last. `model`: "name/version".
  Detector(const Reference& reference, const QuietModel& quiet, std::string model, AlertKind kind, bool goes_on = true);

  // REQUIRES: `window` comes after those before it.
  void Judge(const ReferenceWindow& window);
  // Oldest first, closed ones too.
  const std::vector<DriftAlert>& alerts() const { return alerts_; }
  const std::vector<double>& scores() const { return scores_; }  // Of the last window; empty: there was none.
  // Of each column: start of the first window by which it crossed; 0: it never did.
  const std::vector<std::int64_t>& first_crossed_ms() const { return first_crossed_ms_; }
  // The last window's, highest score first.
  std::vector<ColumnDrift> Columns() const;

 private:
  struct Open {
    std::size_t alert;  // Index in alerts_.
    std::vector<std::size_t> columns;
    bool of_day = false;  // It crossed in the last 24 hours together, and not in a window.
    int windows = 0;
    std::int64_t above_ms;  // End of the last window in which one of them was above.
  };
  ColumnDrift ColumnIn(const ReferenceWindow& window, std::size_t column) const;
  void Score(const ReferenceWindow& window);
  // REQUIRES, of both: the column crosses in the last window. Its score over the threshold that it crossed.
  double Strength(std::size_t column) const;
  std::int64_t CrossedSince(std::size_t column) const;
  void OpenAlert(const ReferenceWindow& window, std::vector<std::size_t> crossed);
  void Update(const ReferenceWindow& window, const Open& open);
  void ForgetClosed();

  const Reference& reference_;
  const QuietModel& quiet_;
  const std::string model_;
  const AlertKind kind_;
  const std::vector<std::size_t> first_bin_;  // Reference::FirstBins().
  ReferenceWindow last_;
  TrailingWeek before_;
  LastDay day_;
  std::vector<double> scores_, day_scores_;  // The latter empty: there is no day of rows yet.
  std::vector<std::int64_t> above_since_;    // One a column: start of the first window above, INT64_MAX: it is not.
  std::vector<int> above_;                   // How many windows in a row.
  // By which rule each column crosses now: in windows, or else in the last 24 hours together.
  enum class Crossing : std::uint8_t { kNone, kWindow, kDay };
  std::vector<Crossing> crossing_;
  std::vector<std::int64_t> first_crossed_ms_;
  std::vector<Open> open_;
  std::vector<DriftAlert> alerts_;
};

}  // namespace gfr
