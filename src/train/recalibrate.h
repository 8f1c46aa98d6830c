// Recalibrate: new calibrators for a model whose forests stay.
#pragma once

#include <vector>

#include "train/trainer.h"

namespace gfr {

// The model with calibrators fitted anew on the mature rows that its forests have not been trained on; the report
// judges calibrators of the first half of those on the second, against the model as it was. kInvalidArgument when an
// objective has fewer than 100 positives or negatives among them.
Result<TrainedModel> Recalibrate(const Model& model, const Dataset& data,
                                 const std::vector<ObjectiveConfig>& objectives, const ForestTrainer& engine);

}  // namespace gfr
