// Trainer: a dataset to a model: split by time with a gap, gradient-boosted trees with early stopping, calibration on its own part,
// metrics on the test part only, and a refit on all mature rows.
//
// Parts by arrival time: warm-up | train | gap | validation A (early stopping) then B (calibration) | gap | test. The gap is the objective's
// label window. The refitted forest has the chosen number of rounds; its calibrator is fitted on the out-of-time predictions of B and test.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "dataset/dataset.h"
#include "evaluate/report.h"
#include "model/model.h"
#include "train/xgboost_trainer.h"

namespace gfr {

struct SplitConfig {
  double test = 0.2, validation = 0.2;  // Shares of the slates, by time.
  std::int64_t warmup_ms = 0;
  int folds = 4;
  static Result<SplitConfig> Read(Config& project);
};

struct TrainConfig {
  XgboostParams params;
  bool refit = true;
  static Result<TrainConfig> Read(Config& project);
};

struct TrainedModel {
  Model model;              // What is served: refitted when asked for.
  EvaluationReport report;  // Of the model before the refit, on the test part.
};

Result<TrainedModel> TrainModel(const Dataset& data, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
                                const SplitConfig& split, const TrainConfig& config, const XgboostTrainer& engine);

// Judges `model` on the rows and slates of [from, to). The ranking is by `rank_by`, the name of an objective ("pctr") or the model's value.
EvaluationReport EvaluateModel(const Model& model, const Dataset& data, const std::vector<ObjectiveConfig>& objectives, std::int64_t from_ms,
                               std::int64_t to_ms);

}  // namespace gfr
