// The Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol, rest).
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "serve/binary_tensor.h"
#include "serve/feed_json.h"
#include "serve/openapi.h"
#include "serve/protocol/model_protocols.h"
#include "serve/row_reader.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOpenInferenceReference = "https://github.com/kserve/open-inference-protocol";
constexpr std::string_view kJsonLength = "inference-header-content-length";
constexpr const char *kInferInput = "input", *kInferOutput = "predict";

HttpResponse InferError(int status, const std::string& why) { return JsonResponse(status, {{"error", why}}); }

const char* DatatypeOf(const ForestModel& model) { return model.doubles() ? "FP64" : "FP32"; }

Json InferOutputShape(const ForestModel& model, Json rows) {
  Json shape = Json::array({std::move(rows)});
  if (model.predictions_per_row() > 1) shape.push_back(model.predictions_per_row());
  return shape;
}

HttpResponse InferMetadataOf(const ForestModel& model) {
  const Json input{{"name", kInferInput}, {"datatype", DatatypeOf(model)}, {"shape", {-1, model.columns()}}};
  const Json output{{"name", kInferOutput}, {"datatype", DatatypeOf(model)}, {"shape", InferOutputShape(model, -1)}};
  return JsonResponse(200, {{"name", model.name()},
                            {"versions", {model.version()}},
                            {"platform", EngineName(model.forest().engine)},
                            {"inputs", {input}},
                            {"outputs", {output}}});
}

std::string QuotedJson(const std::string& text) { return DumpJson(Json(text)); }

HttpResponse Infer(const ForestModel& model, HttpRequest& http) {
  thread_local RowMatrix rows;
  thread_local std::vector<double> predictions;
  std::size_t json_bytes = http.body.size();
  if (const std::string_view length = http.Header(kJsonLength); !length.empty()) {
    const auto [end, code] = std::from_chars(length.data(), length.data() + length.size(), json_bytes);
    if (code != std::errc{} || end != length.data() + length.size() || json_bytes > http.body.size())
      return InferError(400, "Inference-Header-Content-Length is not a number of bytes of the body");
  }
  InferRequest request;
  if (const Status read = ReadInferRequest(http.body, json_bytes, model, &rows, &request); !read.ok())
    return InferError(400, read.error().message);
  for (const std::string& output : request.outputs) {
    if (output != kInferOutput)
      return InferError(400, "there is no output '" + output.substr(0, 100) + "'; valid is predict");
  }
  model.Predict(rows, &predictions);
  HttpResponse response;
  std::string& out = response.body;
  out.reserve(200 + predictions.size() * 12);
  out = "{\"model_name\":" + QuotedJson(model.name()) + ",\"model_version\":" + QuotedJson(model.version());
  if (!request.id.empty()) out += ",\"id\":" + QuotedJson(request.id);
  out += std::string(",\"outputs\":[{\"name\":\"") + kInferOutput + "\",\"datatype\":\"" + DatatypeOf(model) +
         "\",\"shape\":" + DumpJson(InferOutputShape(model, rows.rows()));
  if (request.binary_output) {
    const std::size_t bytes = predictions.size() * (model.doubles() ? sizeof(double) : sizeof(float));
    out += ",\"parameters\":{\"binary_data_size\":" + std::to_string(bytes) + "}}]}";
    response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(out.size()));
    response.content_type = "application/octet-stream";
    AppendAsBinary(predictions, model.doubles(), &out);
    return response;
  }
  out += ",\"data\":[";
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (i > 0) out += ',';
    AppendPrediction(model, predictions[i], &out);
  }
  out += "]}]}";
  return response;
}

// Of "NAME", "NAME/ready", "NAME/versions/V/infer".
struct InferTarget {
  std::string model, version, verb;
};

InferTarget ParseInferTarget(std::string_view path) {
  InferTarget target;
  for (const char* verb : {"/ready", "/infer"}) {
    if (!path.ends_with(verb)) continue;
    target.verb = verb + 1;
    path.remove_suffix(target.verb.size() + 1);
    break;
  }
  static constexpr std::string_view kVersions = "/versions/";
  if (const std::size_t at = path.rfind(kVersions); at != std::string_view::npos) {
    target.version = path.substr(at + kVersions.size());
    path = path.substr(0, at);
  }
  target.model = path;
  return target;
}

// Null: there is none, and `refused` says so.
std::shared_ptr<const ForestModel> FindInferTarget(const ModelHost& host, const InferTarget& target,
                                                   HttpResponse* refused) {
  auto model = host.Find(target.model);
  if (model && (target.version.empty() || target.version == model->version())) return model;
  *refused = InferError(
      404, model ? "model '" + target.model.substr(0, 200) + "' has no version '" + target.version.substr(0, 100) + "'"
                 : "there is no model '" + target.model.substr(0, 200) + "'");
  return nullptr;
}

HttpResponse GetInferTarget(const ModelHost& host, const std::string& path) {
  const InferTarget target = ParseInferTarget(path);
  HttpResponse refused;
  const auto model = FindInferTarget(host, target, &refused);
  if (!model) return refused;
  if (target.verb == "ready") return JsonResponse(200, {{"name", model->name()}, {"ready", true}});
  return target.verb.empty() ? InferMetadataOf(*model) : InferError(404, "valid is POST .../infer");
}

HttpResponse PostInferTarget(const ModelHost& host, HttpRequest& request) {
  const InferTarget target = ParseInferTarget(request.parameter);
  if (target.verb != "infer") return InferError(404, "valid is POST /v2/models/NAME/infer");
  HttpResponse refused;
  const auto model = FindInferTarget(host, target, &refused);
  return model ? Infer(*model, request) : refused;
}

std::shared_ptr<const Operation> InferOperation(std::string id, std::string says,
                                                std::vector<OperationParameter> parameters = {},
                                                bool has_body = false) {
  const JsonShape error = JsonShape::Object({{.name = "error", .shape = JsonShape::Text(), .required = true}});
  Operation operation{.id = std::move(id),
                      .says = std::move(says),
                      .tag = "open-inference",
                      .reference = kOpenInferenceReference,
                      .parameters = std::move(parameters),
                      .replies = {{200, {{"The answer.", JsonShape::Map({})}}}}};
  if (has_body) {
    operation.bodies = {{"application/json", JsonShape::Map({})}};
    operation.replies[400] = {{"The request is not valid.", error}};
  }
  if (!operation.parameters.empty()) operation.replies[404] = {{"There is no such model.", error}};
  return std::make_shared<const Operation>(std::move(operation));
}

}  // namespace

std::vector<Route> OpenInferenceRoutes(ModelHost& host, const ModelProtocolOptions&) {
  const auto get = [](std::string path, std::function<void(HttpRequest, HttpReply)> call,
                      std::shared_ptr<const Operation> operation, bool probe) {
    return Route{.method = "GET",
                 .path = std::move(path),
                 .scope = AccessScope::kOpen,
                 .lane = Lane::kInline,
                 .call = std::move(call),
                 .probe = probe,
                 .operation = std::move(operation)};
  };
  const OperationParameter path{"model", "path", JsonShape::Text(), "NAME, NAME/ready or NAME/versions/VERSION."};
  return {
      get("/v2", Sync([](const auto&) {
            return JsonResponse(
                200, {{"name", "gfr"}, {"version", ServerVersion()}, {"extensions", {"binary_tensor_data"}}});
          }),
          InferOperation("getServerMetadata", "The server."), false),
      get("/v2/health/live", Sync([](const auto&) {
            return JsonResponse(200, {{"live", true}});
          }),
          InferOperation("getServerLive", "The process runs."), true),
      get("/v2/health/ready", Sync([&host](const auto&) {
            return JsonResponse(host.is_ready() ? 200 : 503, {{"ready", host.is_ready()}});
          }),
          InferOperation("getServerReady", "Models are loaded."), true),
      get("/v2/models/", Sync([&host](const auto& r) { return GetInferTarget(host, r.parameter); }),
          InferOperation("getModelMetadata", "A model, or whether it is ready.", {path}), false),
      {.method = "POST",
       .path = "/v2/models/",
       .scope = AccessScope::kOpen,
       .lane = Lane::kCompute,
       .call = Sync([&host](auto& r) { return PostInferTarget(host, r); }),
       .is_short =
           [&host](const auto& r) {
             const auto model = host.Find(ParseInferTarget(r.parameter).model);
             return IsShortInvocation(model.get(), r);
           },
       .operation = InferOperation("postInfer", "Predictions for rows of features.",
                                   {{"model", "path", JsonShape::Text(), "NAME/infer or NAME/versions/VERSION/infer"}},
                                   /*has_body=*/true)},
  };
}

}  // namespace gfr
