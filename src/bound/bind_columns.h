// BindColumns: a model whose forests read rows of a feature set, whatever columns it was trained on.
//
// Columns match by fingerprint; the name decides between equals. The forests' column indices are changed, so no row is
// gathered: several models with different columns read the same rows, and each margin has the bits that it has on the
// model's own rows. A model whose columns are the set's, in order, is returned as it is.
#pragma once

#include "feature/feature_set.h"
#include "model/model.h"

namespace gfr {

// For each column of the model, its column of the set. kInvalidArgument: a column is gone or changed; the message names
// each. A model without column fingerprints (format 1 to 4 without a definition file) is matched by name, and is
// refused when the definitions of these names are not those of its training.
Result<std::vector<std::uint32_t>> FindColumns(const Model& model, const FeatureSet& features);

// The model on rows of the set. Its columns, categorical flags and dictionaries are one a column of the set; columns
// that it does not read are neither. Its `forest_bytes` still read its own columns: Model::forest_columns has where
// those lie. REQUIRES: it is not bound already. Errors: as FindColumns.
Result<Model> BindColumns(Model model, const FeatureSet& features);

}  // namespace gfr
