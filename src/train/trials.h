// Trials: what [train] could be, judged by time-ordered folds.
#pragma once

#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "feature/feature_set.h"
#include "model/model.h"
#include "train/forest_trainer.h"
#include "train/train_config.h"

namespace gfr {

// Each fold's forest is trained, stopped and calibrated on what came before the fold, as in TrainModel, and is judged
// on the fold. All arguments must outlive it. Thread safety: none.
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

}  // namespace gfr
