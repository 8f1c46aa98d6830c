// The report of an evaluation, as JSON and as one HTML page that needs no network.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "metric/binary_metrics.h"
#include "metric/grouped_metrics.h"
#include "metric/mean_metrics.h"
#include "metric/off_policy.h"
#include "metric/position_bias.h"
#include "metric/ranking_metrics.h"

namespace gfr {

struct SliceReport {
  std::string feature, value;  // "device", "mobile"; "price", "12 to 40".
  BinaryMetrics metrics;
  BinaryMetrics pooled;  // What the calibrator of all rows alone would give; no rows: it is what gave `metrics`.
};

// Those whose observed/expected is off by more than its interval first, farthest first; then by AUC, lowest first.
void SortWorstFirst(std::vector<SliceReport>& slices);

struct FeatureImportance {
  std::string feature;
  double gain;  // Total gain of its splits in training.
  double shap;  // Mean of |SHAP value| over a sample of the rows: how far it moves a margin. NaN: not measured.
};

// One of the losses that an objective could learn by, judged on the calibration part.
struct TriedLoss {
  std::string loss;  // "rank:ndcg".
  int rounds = 0;
  double log_loss = 0;  // Of calibrated probabilities, cross-fitted; the lowest is kept.
  double ndcg = 0;      // Within requests.
  bool kept = false;
};

struct ObjectiveReport {
  std::string name;
  std::int64_t window_ms = 0;
  std::int64_t early_window_ms = 0;  // 0: none; else the model learnt labels within it, which are `maturation` of all.
  double maturation = 1;
  // Of an objective with the link mean, whose `metrics` have the numbers of rows and positives (amounts above 0) and
  // observed over expected alone, as those of its slices.
  bool is_mean = false;
  MeanMetrics mean;
  BinaryMetrics metrics;
  GroupedMetrics by_request, by_user;  // Left out of the report when they have no groups.
  std::vector<CurvePoint> roc, pr;
  std::vector<ReliabilityBin> reliability;
  std::vector<LiftBin> lift;        // By deciles.
  std::vector<SliceReport> slices;  // Worst first (SortWorstFirst).
  std::vector<FeatureImportance> importance;
  PositionBias position_bias;    // Without places: not asked for.
  PositionBias swapped_bias;     // The same by pairs put in order by a coin; without places: there are too few.
  std::vector<TriedLoss> tried;  // Of training, when there was a choice.
  BinaryMetrics difference;      // To `against`: this model's minus that one's, paired.
};

// Of two objectives of which one starts where the other ends (pctr and pcvr): the product of their probabilities, over
// all impressions, against whether the impression led to both.
struct EntireSpaceReport {
  std::string first, then;  // "pctr", "pcvr".
  BinaryMetrics metrics;
  std::vector<ReliabilityBin> reliability;
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
  // Rows of impressions are of slates that were made of the log: their probabilities are of these, and ranking is
  // judged against all items on sale.
  bool sampled = false;
  // Of a model that reads the place shown: order and position bias are judged at this place, probabilities where each
  // item was shown. -1: it does not, and there is one score.
  int position_reference = -1;
  std::string note;
  std::vector<ObjectiveReport> objectives;
  std::vector<EntireSpaceReport> entire_space;
  RankingMetrics ranking;
  std::vector<std::pair<std::string, RankingMetrics>> baselines;
  std::string against;  // Another model, judged on the same rows; empty: none.
  Estimate mrr_difference;
  std::vector<std::pair<std::string, OffPolicyReport>> off_policy;  // Of each model; empty: not asked for.
  std::vector<Fold> folds;
  Estimate folds_difference, folds_difference_untouched;  // Over the requests of all folds.
};

std::string ReportToJson(const EvaluationReport& report);  // One object; what does not exist is null.
std::string ReportToHtml(const EvaluationReport& report);

}  // namespace gfr
