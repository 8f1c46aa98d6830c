// A dataset as Parquet: FOLDER/NAME.parquet of each objective: its features in order, then label, user, arrival_ms and
// log_offset.
#pragma once

#include <string>

#include "dataset/dataset.h"

namespace gfr {

Status ExportDataset(const Dataset& data, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
                     const std::string& folder);

}  // namespace gfr
