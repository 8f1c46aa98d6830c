// The calibrators of a model's objective, fitted on rows that its forest has not been trained on.
#pragma once

#include <string>

#include "base/result.h"
#include "dataset/dataset.h"
#include "evaluate/selected_rows.h"
#include "model/model.h"

namespace gfr {

// That of all rows and, with [[objective]] calibrate_by, those of slices. `forest`: the one whose margins are fitted;
// the objective's own may be another (a refit). kInvalidArgument: it cannot score the rows.
Status Calibrate(const ObjectiveConfig& config, const SelectedRows& rows, const Forest& forest,
                 ObjectiveModel* objective);

// For the model card: "platt", or "platt; by device: mobile beta, tablet platt".
std::string DescribeCalibration(const Model& model, const Dataset& data, const ObjectiveModel& objective);

}  // namespace gfr
