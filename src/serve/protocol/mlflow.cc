// MLflow's scoring server. POST /invocations, with the bodies of MLflow, is that of sagemaker_container.cc.
#include "serve/protocol/model_protocols.h"

namespace gfr {
namespace {

constexpr const char* kMlflowVersion = "3.0.0";  // Of the protocol's server, whose bodies are taken.

Route MlflowProbe(std::string path, std::string id, std::string says,
                  std::function<void(HttpRequest, HttpReply)> call) {
  Operation operation{.id = std::move(id),
                      .says = std::move(says),
                      .tag = "mlflow",
                      .reference = "https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/",
                      .replies = {{200, {{"It is.", {}}, {"It is.", {}, "text/plain"}}}}};
  return {.method = "GET",
          .path = std::move(path),
          .scope = AccessScope::kOpen,
          .lane = Lane::kInline,
          .call = std::move(call),
          .probe = true,
          .operation = std::make_shared<const Operation>(std::move(operation))};
}

}  // namespace

std::vector<Route> MlflowRoutes(ModelHost& host, const ModelProtocolOptions&) {
  return {MlflowProbe("/health", "getHealth", "Whether the model is loaded.", Sync([&host](const auto&) {
                        return HttpResponse{.status = host.is_ready() ? 200 : 503, .body = "\n"};
                      })),
          MlflowProbe("/version", "getVersion", "The version of MLflow whose bodies are taken.", Sync([](const auto&) {
                        return HttpResponse{.content_type = "text/plain", .body = kMlflowVersion};
                      }))};
}

}  // namespace gfr
