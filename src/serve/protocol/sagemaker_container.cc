// SageMaker's inference containers, and their multi-model API.
#include <nlohmann/json.hpp>

#include "base/executor.h"
#include "base/json_text.h"
#include "serve/feed_json.h"
#include "serve/protocol/model_protocols.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSagemakerReference =
    "https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html";
constexpr const char* kMultiModelReference = "https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html";

std::shared_ptr<const Operation> SagemakerOperation(Operation operation) {
  if (operation.reference.empty()) operation.reference = kSagemakerReference;
  operation.tag = "sagemaker";
  return std::make_shared<const Operation>(std::move(operation));
}

HttpResponse TextError(int status, const std::string& why) {
  return {.status = status, .content_type = "text/plain", .body = why + "\n"};
}

HttpResponse SagemakerError(int status, const std::string& why) { return JsonResponse(status, {{"error", why}}); }

// What MLflow's server says of a body that it cannot read; SageMaker passes any text on.
HttpResponse InvocationError(const Error& error) {
  return JsonResponse(error.code == ErrorCode::kNotFound ? 415 : 400,
                      {{"error_code", error.code == ErrorCode::kNotFound ? "UNSUPPORTED_MEDIA_TYPE" : "BAD_REQUEST"},
                       {"message", error.message}});
}

HttpResponse InvokeSagemakerModel(const ForestModel* model, HttpRequest& request, const ModelProtocolOptions& options) {
  if (model == nullptr) return SagemakerError(404, "there is no such loaded model");
  auto answered = Invoke(*model, request, options);
  return answered.ok() ? std::move(answered).value() : InvocationError(answered.error());
}

int LoadStatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 507;
    case ErrorCode::kNotFound:
      return 404;
    default:
      return 400;
  }
}

Json DescribeLoaded(const ModelHost::Loaded& loaded) {
  return {{"modelName", loaded.model->name()}, {"modelUrl", loaded.path}};
}

HttpResponse ListLoaded(const ModelHost& host) {
  Json json{{"models", Json::array()}};
  for (const ModelHost::Loaded& loaded : host.List()) json["models"].push_back(DescribeLoaded(loaded));
  return JsonResponse(200, json);
}

HttpResponse LoadByName(ModelHost& host, const HttpRequest& request) {
  const auto json = ParseJson<nlohmann::json>(request.body, /*throws=*/false);
  static const JsonShape shape =
      JsonShape::Object({{.name = "model_name", .shape = JsonShape::Text(200, 1), .required = true},
                         {.name = "url", .shape = JsonShape::Text(4096, 1), .required = true}});
  if (const auto wrong = shape.Check(json, "the body")) return SagemakerError(400, *wrong);
  const Status loaded = host.Load(json["model_name"], json["url"]);
  if (!loaded.ok()) return SagemakerError(LoadStatusOf(loaded.error()), loaded.error().message);
  return JsonResponse(200, {{"modelName", json["model_name"]}, {"modelUrl", json["url"]}});
}

HttpResponse DescribeByName(const ModelHost& host, const std::string& name) {
  for (const ModelHost::Loaded& loaded : host.List()) {
    if (loaded.model->name() == name) return JsonResponse(200, DescribeLoaded(loaded));
  }
  return SagemakerError(404, "there is no loaded model '" + name.substr(0, 200) + "'");
}

HttpResponse UnloadByName(ModelHost& host, const std::string& name) {
  const Status unloaded = host.Unload(name);
  return unloaded.ok() ? JsonResponse(200, {{"modelName", name}}) : SagemakerError(404, unloaded.error().message);
}

std::vector<Route> MultiModelRoutes(ModelHost& host, const ModelProtocolOptions& options) {
  using enum AccessScope;
  const JsonShape error = JsonShape::Object({{.name = "error", .shape = JsonShape::Text(), .required = true}});
  const OperationParameter name{"model", "path", JsonShape::Text(), "Its name."};
  return {
      {.method = "GET",
       .path = "/models",
       .scope = kOpen,
       .lane = Lane::kInline,
       .call = Sync([&host](const auto&) { return ListLoaded(host); }),
       .operation = SagemakerOperation({.id = "listModels",
                                        .says = "The models that are loaded.",
                                        .reference = kMultiModelReference,
                                        .replies = {{200, {{"They.", JsonShape::Map({})}}}}})},
      {.method = "POST",
       .path = "/models",
       .scope = kOpen,
       .lane = Lane::kBlocking,
       .call = Sync([&host](const auto& r) { return LoadByName(host, r); }),
       .operation = SagemakerOperation({.id = "loadModel",
                                        .says = "Loads a model from below the folder of models.",
                                        .reference = kMultiModelReference,
                                        .bodies = {{"application/json", JsonShape::Map({})}},
                                        .replies = {{200, {{"It is loaded.", JsonShape::Map({})}}},
                                                    {400, {{"The body, or the file.", error}}},
                                                    {409, {{"The name is loaded.", error}}},
                                                    {507, {{"No memory is left for it.", error}}}}})},
      {.method = "GET",
       .path = "/models/",
       .scope = kOpen,
       .lane = Lane::kInline,
       .call = Sync([&host](const auto& r) { return DescribeByName(host, r.parameter); }),
       .operation =
           SagemakerOperation({.id = "describeModel",
                               .says = "A model that is loaded.",
                               .reference = kMultiModelReference,
                               .parameters = {name},
                               .replies = {{200, {{"It.", JsonShape::Map({})}}}, {404, {{"No such model.", error}}}}})},
      {.method = "DELETE",
       .path = "/models/",
       .scope = kOpen,
       .lane = Lane::kInline,
       .call = Sync([&host](const auto& r) { return UnloadByName(host, r.parameter); }),
       .operation = SagemakerOperation(
           {.id = "unloadModel",
            .says = "Unloads a model.",
            .reference = kMultiModelReference,
            .parameters = {name},
            .replies = {{200, {{"It is gone.", JsonShape::Map({})}}}, {404, {{"No such model.", error}}}}})},
      {.method = "POST",
       .path = "/models/",
       .scope = kOpen,
       .lane = Lane::kCompute,
       .call = Sync([&host, options](auto& r) {
         static constexpr std::string_view kInvoke = "/invoke";
         if (!r.parameter.ends_with(kInvoke)) return SagemakerError(404, "valid is POST /models/NAME/invoke");
         const std::string model = r.parameter.substr(0, r.parameter.size() - kInvoke.size());
         return InvokeSagemakerModel(host.Find(model).get(), r, options);
       }),
       .operation =
           SagemakerOperation({.id = "invokeModel",
                               .says = "Predicts with a model by name.",
                               .reference = kMultiModelReference,
                               .parameters = {{"model", "path", JsonShape::Text(), "NAME/invoke"}},
                               .bodies = {{"text/csv", {}}, {"application/json", {}}, {"application/jsonlines", {}}},
                               .replies = {{200, {{"The predictions.", {}}}},
                                           {404, {{"No such model.", error}}},
                                           {400, {{"The body.", JsonShape::Map({})}}}}})},
  };
}

}  // namespace

std::vector<Route> SagemakerContainerRoutes(ModelHost& host, const ModelProtocolOptions& options) {
  using enum AccessScope;
  const JsonShape error = JsonShape::Object({{.name = "error_code", .shape = JsonShape::Text(), .required = true},
                                             {.name = "message", .shape = JsonShape::Text(), .required = true}});
  std::vector<Route> routes = {
      {.method = "GET",
       .path = "/ping",
       .scope = kOpen,
       .lane = Lane::kInline,
       .call = Sync([&host](const auto&) {
         return host.is_ready() ? HttpResponse{.body = "\n"} : TextError(503, "no model is loaded yet");
       }),
       .probe = true,
       .operation = SagemakerOperation(
           {.id = "getPing", .says = "Whether the model is loaded.", .replies = {{200, {{"It is.", {}}}}}})},
      {.method = "POST",
       .path = "/invocations",
       .scope = kOpen,
       .lane = Lane::kCompute,
       .call = Sync([&host, options](auto& r) { return InvokeSagemakerModel(host.Default().get(), r, options); }),
       .is_short = [&host](const auto& r) { return IsShortInvocation(host.Default().get(), r); },
       .operation = SagemakerOperation(
           {.id = "postInvocations",
            .says = "Predictions for rows of features.",
            .bodies = {{"text/csv", {}}, {"application/json", {}}, {"application/jsonlines", {}}},
            .replies =
                {{200,
                  {{"One a row.", {}}, {"One a row.", {}, "text/csv"}, {"One a row.", {}, "application/jsonlines"}}},
                 {400, {{"The body is not valid.", error}}},
                 {404, {{"There is no model by default.", JsonShape::Map({})}}},
                 {415, {{"A type that is not taken.", error}}}}})},
      {.method = "GET",
       .path = "/execution-parameters",
       .scope = kOpen,
       .lane = Lane::kInline,
       .call = Sync([options](const auto&) {
         return JsonResponse(200, {{"MaxConcurrentTransforms", HardwareThreads()},
                                   {"BatchStrategy", "MULTI_RECORD"},
                                   {"MaxPayloadInMB", options.most_body_bytes >> 20}});
       }),
       .operation = SagemakerOperation({.id = "getExecutionParameters",
                                        .says = "How a batch transform should call.",
                                        .replies = {{200, {{"The parameters.", JsonShape::Map({})}}}}})},
  };
  if (host.loads_by_name()) {
    for (Route& route : MultiModelRoutes(host, options)) routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace gfr
