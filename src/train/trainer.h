// Trainer: a dataset to a model: split by time with a gap, gradient-boosted trees with early stopping, calibration on
// its own part, metrics on the test part only, and a refit on all mature rows.
//
// The parts are those of train/split.h, of each objective's own mature rows. With an early window, what is judged is
// the whole window all the same, on rows that are old enough. The refitted forest has the chosen number of rounds; its
// calibrator is fitted on the out-of-time predictions of validation B and test.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "evaluate/report.h"
#include "model/model.h"
#include "train/forest_trainer.h"
#include "train/train_config.h"

namespace gfr {

struct StageTime {
  std::string name;
  std::uint64_t rows;
  double seconds;
};

// An objective of the configuration that the model does not have.
struct LeftOutObjective {
  std::string name, why;
};

struct TrainedModel {
  Model model;                        // What is served: refitted when asked for.
  std::optional<Model> before_refit;  // What the report judges; none: `model` is not refitted.
  EvaluationReport report;            // Of the model before the refit, on the test part.
  std::vector<StageTime> stages;
  std::vector<LeftOutObjective> left_out;
};

// kInvalidArgument: no objective can be trained; one that cannot does not stop the others.
Result<TrainedModel> TrainModel(const Dataset& data, const FeatureSet& features,
                                const std::vector<ObjectiveConfig>& objectives, const SplitConfig& split,
                                const TrainConfig& config, const ForestTrainer& engine);

}  // namespace gfr
