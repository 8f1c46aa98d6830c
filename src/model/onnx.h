// ToOnnx: a model version as one ONNX model, so that any runtime of that format gives its probabilities.
//
// Input `features`: float32, rows x the model's columns in their order, with the values that feature rows have (`gfr
// dataset`): categories as raw codes, NaN missing. For each objective NAME two outputs, one number a row, float32:
// `NAME`, the calibrated probability, and `NAME_margin`, the forest's. The columns' names stand in the metadata
// `columns`, as a JSON list. Operator sets: ai.onnx 17 and ai.onnx.ml 3, which onnxruntime reads since 1.12.
//
// How exact it is: forests of XGBoost add the base margin and the leaves in the engine's order in float32, so a runtime
// that adds a row's trees one after the other (onnxruntime with one thread) gives the same bits. Forests of LightGBM
// are added in double and rounded once. Calibrators are computed in double.
// Thread safety: a pure function.
#pragma once

#include <string>

#include "base/result.h"
#include "model/model.h"

namespace gfr {

// kInvalidArgument for what a row alone does not tell or ONNX's trees cannot say; the message names it: an objective
// with the softmax link (its probabilities depend on the other items of the request), LightGBM's splits that take zero
// for missing, several classes. REQUIRES: the model is not bound (forest_columns is empty).
Result<std::string> ToOnnx(const Model& model);

}  // namespace gfr
