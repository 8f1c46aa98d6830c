// Binary metrics of a probability: AUC-ROC, AUC-PR (average precision), log loss, ECE on 15 quantile bins and
// observed/expected, each with a 95 % interval by bootstrap over users (a user's rows stay together; Poisson(1)
// weights).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/interval.h"

namespace gfr {

struct BinaryRows {
  std::span<const float> probability, label;
  std::span<const std::uint64_t> user;
};

struct BinaryMetrics {
  std::uint64_t rows = 0, positives = 0;
  Estimate auc_roc, auc_pr, log_loss, ece, observed_over_expected;
};

// Metrics that do not exist (one class only, no rows) are NaN. Ties count half (AUC-ROC) and as one threshold (AUC-PR).
BinaryMetrics MeasureBinary(const BinaryRows& rows, int replicates, std::uint64_t seed);

struct CurvePoint {
  double x, y;
};
std::vector<CurvePoint> RocCurve(const BinaryRows& rows, int max_points);
std::vector<CurvePoint> PrCurve(const BinaryRows& rows, int max_points);

struct ReliabilityBin {
  double mean_probability, observed;
  std::uint64_t rows;
};
std::vector<ReliabilityBin> Reliability(const BinaryRows& rows, int bins);

}  // namespace gfr
