// Rolling folds: the ranking objective is trained again on each of several earlier ends, and compared on what followed.
// No fold sees its own future.
#pragma once

#include <vector>

#include "dataset/dataset.h"
#include "evaluate/report.h"
#include "model/model.h"
#include "train/forest_trainer.h"
#include "train/train_config.h"

namespace gfr {

// Adds the folds to the report; none of data without slates. `dictionary`: the model whose columns and category codes
// the folds use, and whose objectives say which of them ranks. A fold with too few rows is left out, with a warning.
Status AddFolds(const Dataset& data, const Model& dictionary, const std::vector<ObjectiveConfig>& objectives,
                const SplitConfig& split, const TrainConfig& train, const ForestTrainer& engine,
                EvaluationReport& report);

}  // namespace gfr
