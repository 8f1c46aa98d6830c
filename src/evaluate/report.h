// The report of an evaluation, as JSON and as one HTML page that needs no network.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "evaluate/binary_metrics.h"
#include "evaluate/grouped_metrics.h"
#include "evaluate/ranking_metrics.h"

namespace gfr {

struct SliceReport {
  std::string feature, value;  // "device", "mobile"; "price", "12 to 40".
  BinaryMetrics metrics;
};

struct ObjectiveReport {
  std::string name;
  BinaryMetrics metrics;
  GroupedMetrics by_request, by_user;  // Left out of the report when they have no groups.
  std::vector<CurvePoint> roc, pr;
  std::vector<ReliabilityBin> reliability;
  std::vector<SliceReport> slices;
  std::vector<std::pair<std::string, double>> importance;  // Total gain, highest first.
};

struct EvaluationReport {
  struct Fold {
    std::string name;
    std::uint64_t requests = 0;
    double mrr = 0, mrr_baseline = 0;                       // The baseline: most recent interaction.
    Estimate difference, difference_untouched_order_shown;  // Paired.
  };
  std::string model;
  std::int64_t from_ms = 0, to_ms = 0;
  bool simulated = false;
  std::string note;
  std::vector<ObjectiveReport> objectives;
  RankingMetrics ranking;
  std::vector<std::pair<std::string, RankingMetrics>> baselines;
  std::vector<Fold> folds;
  Estimate folds_difference, folds_difference_untouched;  // Over the requests of all folds.
};

std::string ReportToJson(const EvaluationReport& report);  // One object; what does not exist is null.
std::string ReportToHtml(const EvaluationReport& report);

}  // namespace gfr
