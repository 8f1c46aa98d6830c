// DriftReport: what moved between a reference and the rows of a range, as a JSON document (docs/monitoring.md) and as
// one page that needs no network: which columns, by how much, since when, at what price; and the base rate and the
// calibration of each objective.
//
// Thread safety: plain values; pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "monitor/detector.h"
#include "monitor/drift_options.h"
#include "monitor/quality_windows.h"
#include "stats/interval.h"

namespace gfr {

struct ReportedColumn {
  ColumnDrift drift;
  std::size_t at = 0;               // Of the reference's columns.
  BinCounts counts;                 // Of all rows of the range.
  std::int64_t first_seen_ms = 0;   // Start of the first window that an alert would go by; 0: there is none.
  std::vector<std::string> unseen;  // Names of codes that the reference has not, as far as they are known.
  std::vector<float> scores;        // One a window.
};

struct ReportedObjective {
  struct Part {
    std::int64_t from_ms = 0, to_ms = 0;
    std::uint64_t rows = 0, positives = 0;
    double mean_prediction = std::numeric_limits<double>::quiet_NaN();
  };
  std::string name;
  Part all;
  Estimate base_rate;
  double reference_rate = std::numeric_limits<double>::quiet_NaN();
  Estimate observed_over_expected, ece;  // Of the model; NaN: there is none.
  std::vector<Part> days;
  ReportedQuality quality;  // Of the model; no windows: there is none, or too few rows.
};

struct DriftReport {
  std::string project, against;  // "feed/3", or "2026-01-01T00:00:00Z..2026-02-01T00:00:00Z".
  bool simulated = false;
  std::int64_t from_ms = 0, to_ms = 0;
  std::uint64_t rows = 0;
  DriftOptions options;
  References references;
  std::size_t reference_days = 0;  // With windows.
  double threshold = 0;
  // Ranking value of a label of the columns' objective: the mean over those expected. NaN: there is no model, or the
  // value formula does not say. Times the labels a day of a column: what its drift may cost.
  double label_worth = std::numeric_limits<double>::quiet_NaN();
  std::vector<ReferenceWindow> windows;  // Joined; without counts.
  std::vector<ReportedColumn> columns;   // By price, those that alert first.
  std::vector<ReportedObjective> objectives;
  std::vector<DriftAlert> alerts;  // Oldest first.
  std::vector<std::string> notes;  // What to know to read it.
};

// Judges `rows`, which are of the objective of report->references.features and lie in [from_ms, to_ms). Sets all that
// follows from these rows; base rates are JudgePrior's. `at`: where each column of the reference lies in a row.
// `names`: of category codes.
void JudgeColumns(const ReferenceRows& rows, const std::vector<std::size_t>& at,
                  const std::map<float, std::string>& names, DriftReport* report);
// Adds one objective: its base rate against that of the reference. `prediction`: the model's, one a row; empty: there
// is none. REQUIRES: the rows' labels are as old as their window.
void JudgePrior(const std::string& objective, const ReferenceRows& rows, std::span<const float> prediction,
                DriftReport* report);
// By kind: alerts by time of their finding, columns by alert and price.
void SortReport(DriftReport* report);

nlohmann::ordered_json AlertToJson(const DriftAlert& alert);
// `reference`: the column that it is compared with.
nlohmann::ordered_json ColumnToJson(const ReportedColumn& column, const ReferenceColumn& reference);
std::string DriftToJson(const DriftReport& report);  // What does not exist is null.
std::string DriftToHtml(const DriftReport& report);

}  // namespace gfr
