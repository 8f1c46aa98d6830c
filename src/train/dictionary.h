// The columns of a model before it has forests: their names, and the dictionary of each category column.
#pragma once

#include <cstdint>

#include "dataset/dataset.h"
#include "feature/feature_set.h"
#include "model/model.h"

namespace gfr {

// Without objectives and dictionaries.
Model EmptyModel(const FeatureSet& features);

// The dictionary of each category column: codes by falling frequency in the rows before `to_ms`, at most 200; and the
// texts of these that the data knows.
void MakeDictionaries(const Dataset& data, std::int64_t to_ms, Model& model);

}  // namespace gfr
