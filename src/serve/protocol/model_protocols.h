// The protocols by which a server of model files predicts: one file each, and one line in ModelProtocols.
//
// What they share is here. Errors are each protocol's own, as the header of its functions says.
// Thread safety: all calls.
#pragma once

#include <string>
#include <vector>

#include "serve/model_host.h"
#include "serve/router.h"

namespace gfr {

struct ModelProtocolOptions {
  bool batch = false;                       // SageMaker's batch transform: a prediction a line.
  std::size_t most_body_bytes = 16u << 20;  // As GET /execution-parameters says.
  bool any_host = false;                    // In a container, whatever the Host.
};

using ModelProtocol = std::vector<Route> (*)(ModelHost& host, const ModelProtocolOptions& options);

// SageMaker's inference containers (docs.aws.amazon.com/sagemaker, "Use your own inference code"):
//   GET /ping                   200 once the model is loaded
//   POST /invocations           text/csv, application/json, application/jsonlines
//   GET /execution-parameters   for batch transform
// and with --models the multi-model API: GET and POST /models, GET and DELETE /models/NAME, POST /models/NAME/invoke.
// An error is a text.
std::vector<Route> SagemakerContainerRoutes(ModelHost& host, const ModelProtocolOptions& options);
// POST /endpoints/NAME/invocations: SageMaker's runtime API, InvokeEndpoint, by boto3 with endpoint_url. An error is
// {"Code", "Message"}.
std::vector<Route> SagemakerRuntimeRoutes(ModelHost& host, const ModelProtocolOptions& options);
// MLflow's scoring server: GET /health and /version; its bodies are POST /invocations' too. An error of a body is
// {"error_code", "message"}.
std::vector<Route> MlflowRoutes(ModelHost& host, const ModelProtocolOptions& options);
// The Open Inference Protocol, version 2 (KServe, Triton, MLServer) below /v2. An error is {"error"}.
std::vector<Route> OpenInferenceRoutes(ModelHost& host, const ModelProtocolOptions& options);

std::vector<Route> ModelProtocols(ModelHost& host, const ModelProtocolOptions& options);

// A body of /invocations, and the model's answer in the type that Accept names, else in the body's own. The body's type
// may be empty: text/csv. Errors: kInvalidArgument, the body; kNotFound, a type that is not taken.
Result<HttpResponse> Invoke(const ForestModel& model, HttpRequest& request, const ModelProtocolOptions& options);

// Whether a call with a model is over sooner than another thread would be awake.
bool IsShortInvocation(const ForestModel* model, const HttpRequest& request);

}  // namespace gfr
