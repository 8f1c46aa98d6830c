// Binary metrics of a probability: AUC-ROC, AUC-PR (average precision), log loss, Brier score, normalised entropy, ECE
// on 15 quantile bins and observed/expected, each with a 95 % interval by bootstrap over users (a user's rows stay
// together; Poisson(1) weights).
//
// Rows may be weighted (a row that was kept at rate w weighs 1 / w). Ties count half (AUC-ROC) and as one threshold
// (AUC-PR, curves). Metrics that do not exist (one class only, no rows, a probability that is NaN) are NaN, and curves
// empty. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/interval.h"

namespace gfr {

struct BinaryRows {
  std::span<const float> probability, label;
  std::span<const std::uint64_t> user;
  std::span<const float> weight = {};  // Empty: 1 each.
};

struct BinaryMetrics {
  std::uint64_t rows = 0, positives = 0;
  Estimate auc_roc, auc_pr, log_loss, ece, observed_over_expected;
  Estimate brier;               // Mean squared error of the probability (Brier 1950).
  Estimate normalised_entropy;  // Log loss over that of the base rate: under 1 beats it (He et al. 2014).
};

BinaryMetrics MeasureBinary(const BinaryRows& rows, int replicates, std::uint64_t seed);

// Two versions' probabilities for the same rows: b minus a, each replicate of one weighting for both. Log loss, Brier
// score and normalised entropy are better when lower. `rows` and `positives` are those of the rows.
BinaryMetrics CompareBinary(const BinaryRows& a, std::span<const float> probability_b, int replicates,
                            std::uint64_t seed);

struct CurvePoint {
  double x, y;
};
// One point a threshold (false positive rate, true positive rate), from (0, 0) on; thinned to about max_points.
std::vector<CurvePoint> RocCurve(const BinaryRows& rows, int max_points);
// One point a threshold (recall, precision), by rising recall; thinned likewise.
std::vector<CurvePoint> PrCurve(const BinaryRows& rows, int max_points);

struct ReliabilityBin {
  double mean_probability, observed;
  std::uint64_t rows;
};
// By quantiles of the probability, lowest first, equal probabilities in one bin; empty bins are left out.
std::vector<ReliabilityBin> Reliability(const BinaryRows& rows, int bins);

struct LiftBin {
  double mean_probability, observed;
  double lift;      // Observed over the mean of all rows.
  double captured;  // Share of all positives in this bin and those before it.
  std::uint64_t rows;
};
// Reliability's bins, highest probability first: what acting on the best rows only would reach.
std::vector<LiftBin> Lift(const BinaryRows& rows, int bins);

}  // namespace gfr
