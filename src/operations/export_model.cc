#include "operations/export_model.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/time.h"
#include "model/onnx.h"

namespace gfr {
namespace {

constexpr const char* kOnnxFile = "model.onnx";

nlohmann::json SchemaColumn(const std::string& name) { return {{"name", name}, {"type", "float"}, {"required", true}}; }

// JSON is YAML.
std::string MlModel(const Model& model, std::int64_t created_ms) {
  auto inputs = nlohmann::json::array(), outputs = nlohmann::json::array();
  for (const std::string& column : model.columns) inputs.push_back(SchemaColumn(column));
  for (const ObjectiveModel& objective : model.objectives) {
    outputs.push_back(SchemaColumn(objective.name));
    outputs.push_back(SchemaColumn(objective.name + "_margin"));
  }
  const nlohmann::json environment{{"virtualenv", "python_env.yaml"}};
  const nlohmann::json flavors{
      {"onnx",
       {{"data", kOnnxFile}, {"onnx_version", "1.12.0"}, {"providers", {"CPUExecutionProvider"}}, {"code", nullptr}}},
      {"python_function",
       {{"loader_module", "mlflow.onnx"}, {"data", kOnnxFile}, {"python_version", "3.11"}, {"env", environment}}}};
  return DumpJson(nlohmann::json{{"flavors", flavors},
                                 {"metadata", {{"gfr_model", model.name + "/" + model.version}}},
                                 {"signature", {{"inputs", DumpJson(inputs)}, {"outputs", DumpJson(outputs)}}},
                                 {"utc_time_created", FormatTime(created_ms)}},
                  2) +
         "\n";
}

}  // namespace

Status ExportModel(FileSystem& fs, const Model& model, std::int64_t created_ms, const std::string& folder) {
  GFR_ASSIGN(const std::string onnx, ToOnnx(model));
  const std::map<std::string, std::string> files = {
      {kOnnxFile, onnx},
      {"MLmodel", MlModel(model, created_ms)},
      {"requirements.txt", "mlflow\nonnxruntime>=1.12\nnumpy\npandas\n"},
      {"python_env.yaml", "python: \"3.11\"\ndependencies:\n- -r requirements.txt\n"}};
  GFR_ASSIGN(const auto there, fs.List(folder));
  if (!there.empty())
    return Error{ErrorCode::kAlreadyExists, folder + " is not empty; an export makes a folder of its own"};
  GFR_TRY(fs.MakeFolders(folder));
  for (const auto& [name, content] : files) GFR_TRY(PublishFile(fs, JoinPath(folder, name), content));
  return {};
}

}  // namespace gfr
