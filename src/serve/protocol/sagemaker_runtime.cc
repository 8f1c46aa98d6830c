// SageMaker's runtime API: InvokeEndpoint.
#include "serve/feed_json.h"
#include "serve/protocol/model_protocols.h"

namespace gfr {
namespace {

HttpResponse RuntimeError(int status, const char* type, const std::string& why) {
  HttpResponse response = JsonResponse(status, {{"Code", type}, {"Message", why}});
  response.headers.emplace_back("x-amzn-ErrorType", type);
  return response;
}

constexpr std::string_view kEnd = "/invocations";

// The model that the call names: by X-Amzn-SageMaker-Target-Model, else the one of the endpoint. Null: there is none.
std::shared_ptr<const ForestModel> EndpointModel(const ModelHost& host, const HttpRequest& request) {
  if (const std::string target(request.Header("x-amzn-sagemaker-target-model")); !target.empty())
    return host.Find(target);
  const std::string name = request.parameter.substr(0, request.parameter.rfind(kEnd));
  auto model = host.Default();
  return model && model->name() != name ? host.Find(name) : model;
}

HttpResponse InvokeEndpoint(const ModelHost& host, HttpRequest& request, const ModelProtocolOptions& options) {
  if (!request.parameter.ends_with(kEnd))
    return RuntimeError(404, "ValidationError", "valid is POST /endpoints/NAME/invocations");
  const std::string name = request.parameter.substr(0, request.parameter.size() - kEnd.size());
  const std::string target(request.Header("x-amzn-sagemaker-target-model"));
  const auto model = EndpointModel(host, request);
  if (!model)
    return RuntimeError(400, "ValidationError",
                        "Endpoint or model '" + (target.empty() ? name : target).substr(0, 200) +
                            "' of account 000000000000 not found.");
  const std::string variant(request.Header("x-amzn-sagemaker-target-variant"));
  if (!variant.empty() && variant != "AllTraffic")
    return RuntimeError(400, "ValidationError",
                        "Variant '" + variant.substr(0, 200) + "' not found; valid is AllTraffic");
  auto answered = Invoke(*model, request, options);
  if (!answered.ok())  // As the service passes on what a container refuses.
    return RuntimeError(424, "ModelError", "Received client error (400) from the model: " + answered.error().message);
  answered.value().headers.emplace_back("x-Amzn-Invoked-Production-Variant", "AllTraffic");
  return std::move(answered).value();
}

}  // namespace

std::vector<Route> SagemakerRuntimeRoutes(ModelHost& host, const ModelProtocolOptions& options) {
  const JsonShape error = JsonShape::Object({{.name = "Code", .shape = JsonShape::Text(), .required = true},
                                             {.name = "Message", .shape = JsonShape::Text(), .required = true}});
  Operation operation{
      .id = "invokeEndpoint",
      .says = "Predictions for rows of features, by SageMaker's runtime API.",
      .tag = "sagemaker",
      .reference = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html",
      .parameters = {{"endpoint", "path", JsonShape::Text(), "NAME/invocations"}},
      .bodies = {{"text/csv", {}}, {"application/json", {}}, {"application/jsonlines", {}}},
      .replies = {
          {200, {{"One a row.", {}}, {"One a row.", {}, "text/csv"}, {"One a row.", {}, "application/jsonlines"}}},
          {400, {{"No such endpoint, model or variant.", error}}},
          {404, {{"Another path.", error}}},
          {424, {{"The body is not valid.", error}}}}};
  return {{.method = "POST",
           .path = "/endpoints/",
           .scope = AccessScope::kOpen,
           .lane = Lane::kCompute,
           .call = Sync([&host, options](auto& r) { return InvokeEndpoint(host, r, options); }),
           .is_short = [&host](const auto& r) { return IsShortInvocation(EndpointModel(host, r).get(), r); },
           .operation = std::make_shared<const Operation>(std::move(operation))}};
}

}  // namespace gfr
