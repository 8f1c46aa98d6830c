// ExportModel: a model version as a folder of MLflow's format, whose model.onnx any ONNX runtime reads by itself.
//
//   MLmodel, requirements.txt, python_env.yaml   what `mlflow models serve` and mlflow.pyfunc.load_model read
//   model.onnx                                   inputs and outputs: model/onnx.h
#pragma once

#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "model/model.h"

namespace gfr {

// Makes `folder` and the folders above it. kAlreadyExists: it is there and holds something; nothing is changed.
// kInvalidArgument: the model cannot be said in ONNX (ToOnnx). REQUIRES: the model is not bound.
Status ExportModel(FileSystem& fs, const Model& model, std::int64_t created_ms, const std::string& folder);

}  // namespace gfr
