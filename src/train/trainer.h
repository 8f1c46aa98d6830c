// Trainer: a dataset to a model: split by time with a gap, gradient-boosted trees with early stopping, calibration on
// its own part, metrics on the test part only, and a refit on all mature rows.
//
// Parts by arrival time, of each objective's own mature rows: warm-up | train | gap | validation A (early stopping)
// then B (calibration) | gap | test. The gap is the objective's label window (the early one, where it has one: what is
// judged is the whole window all the same, on rows that are old enough). The refitted forest has the chosen number
// of rounds; its calibrator is fitted on the out-of-time predictions of B and test.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "dataset/dataset.h"
#include "evaluate/report.h"
#include "model/model.h"
#include "train/forest_trainer.h"
#include "train/part.h"

namespace gfr {

struct SplitConfig {
  double test = 0.2, validation = 0.2;  // Shares of an objective's rows, by time.
  std::int64_t warmup_ms = 0;
  int folds = 4;
  static Result<SplitConfig> Read(Config& project);
};

struct TrainConfig {
  SampleConfig sample;
  LeaveOutConfig leave_out;
  Forest::Maker engine = Forest::Maker::kXgboost;
  ForestParams params;
  bool refit = true;
  static Result<TrainConfig> Read(Config& project);
};

struct StageTime {
  std::string name;
  std::uint64_t rows;
  double seconds;
};

struct TrainedModel {
  Model model;              // What is served: refitted when asked for.
  EvaluationReport report;  // Of the model before the refit, on the test part.
  std::vector<StageTime> stages;
};

Result<TrainedModel> TrainModel(const Dataset& data, const FeatureSet& features,
                                const std::vector<ObjectiveConfig>& objectives, const SplitConfig& split,
                                const TrainConfig& config, const ForestTrainer& engine);

// The model with calibrators fitted anew on the mature rows that its forests have not learnt from; the report judges
// calibrators of the first half of those on the second, against the model as it was. kInvalidArgument when an objective
// has fewer than 100 positives or negatives among them.
Result<TrainedModel> Recalibrate(const Model& model, const Dataset& data,
                                 const std::vector<ObjectiveConfig>& objectives, const ForestTrainer& engine);

// What [train] could be, judged by time-ordered folds: each fold's forest learns, stops and is calibrated on what came
// before the fold, as in TrainModel, and is judged on it. All must outlive it. Thread safety: none.
class Trials {
 public:
  struct Outcome {
    std::string objective;
    std::uint64_t rows = 0, positives = 0;  // Judged.
    int rounds = 0;
    double log_loss = 0, normalised_entropy = 0;
  };
  Trials(const Dataset& data, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
         const SplitConfig& split);
  int folds() const { return static_cast<int>(folds_.size()); }
  // REQUIRES: 0 <= fold < folds(). kInvalidArgument: an objective has too few positives before the fold, or none in it.
  Result<std::vector<Outcome>> Run(int fold, const TrainConfig& config, const ForestTrainer& engine) const;

 private:
  const Dataset& data_;
  const std::vector<ObjectiveConfig>& objectives_;
  SplitConfig split_;
  struct Fold {
    double end_share;
    Model dictionary;
  };
  std::vector<Fold> folds_;  // Oldest first.
};

struct TimeRange {
  std::int64_t from_ms = INT64_MIN, to_ms = INT64_MAX;  // By arrival, to_ms exclusive.
};

// Judges `model` on the rows of `ranges` (one an objective) and the slates of the range of "pctr" (else of the first),
// ranked by it. Slices are cut by every category column (its eight most frequent values), and by price and
// supplied_rank in quartiles. `engine` measures the importance of features; null: it is left out. `against`: another
// model of the same features, compared on the same rows; or null. `position_bias`: measure it of objectives whose rows
// are impressions, and by the swapped pairs among data.choices. Of a model that reads the place shown (a feature of
// type position), probabilities are judged at the place shown, order (ranking, by_request, by_user) and position bias
// at its reference.
EvaluationReport EvaluateModel(const Model& model, const Dataset& data, const std::vector<ObjectiveConfig>& objectives,
                               const std::vector<TimeRange>& ranges, const ForestTrainer* engine,
                               const Model* against = nullptr, bool position_bias = false);

// Where the training part left off: the test range of an objective, from the model's card.
TimeRange TestRange(const Model& model, const std::string& objective);

}  // namespace gfr
