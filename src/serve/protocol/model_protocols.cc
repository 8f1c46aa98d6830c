#include "serve/protocol/model_protocols.h"

#include <algorithm>

#include "base/sync.h"
#include "serve/http_wire.h"
#include "serve/row_reader.h"

namespace gfr {
namespace {

constexpr std::string_view kCsvType = "text/csv", kJsonType = "application/json", kLinesType = "application/jsonlines";

// The media type of a header without its parameters, in lower case.
std::string MediaType(std::string_view header) {
  std::string type = LowerCase(header.substr(0, header.find_first_of(";,")));
  while (type.ends_with(' ')) type.pop_back();
  return type;
}

struct PredictionScratch {  // A thread's, for its next call.
  RowMatrix rows;
  std::vector<double> predictions;
};

void AppendPredictionRow(const ForestModel& model, const double* row, std::string* out) {
  const std::size_t count = model.predictions_per_row();
  if (count > 1) *out += '[';
  for (std::size_t k = 0; k < count; ++k) {
    if (k > 0) *out += ',';
    AppendPrediction(model, row[k], out);
  }
  if (count > 1) *out += ']';
}

std::string CsvAnswer(const ForestModel& model, const std::vector<double>& predictions, bool lines) {
  const std::size_t count = model.predictions_per_row();
  std::string out;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    AppendPrediction(model, predictions[i], &out);
    // SageMaker's XGBoost container answers with a list, and in batch transform with a line a record.
    const bool ends_row = (i + 1) % count == 0;
    if (ends_row && (lines || count > 1))
      out += '\n';
    else if (i + 1 < predictions.size())
      out += ',';
  }
  return out;
}

std::string JsonAnswer(const ForestModel& model, const std::vector<double>& predictions) {
  const std::size_t count = model.predictions_per_row();
  std::string out = "{\"predictions\":[";
  out.reserve(out.size() + predictions.size() * 12);
  for (std::size_t i = 0; i < predictions.size(); i += count) {
    if (i > 0) out += ',';
    AppendPredictionRow(model, predictions.data() + i, &out);
  }
  return out += "]}";
}

std::string LinesAnswer(const ForestModel& model, const std::vector<double>& predictions) {
  const std::size_t count = model.predictions_per_row();
  std::string out;
  for (std::size_t i = 0; i < predictions.size(); i += count) {
    out += "{\"prediction\":";
    AppendPredictionRow(model, predictions.data() + i, &out);
    out += "}\n";
  }
  return out;
}

}  // namespace

std::vector<Route> ModelProtocols(ModelHost& host, const ModelProtocolOptions& options) {
  static constexpr ModelProtocol kProtocols[] = {
      SagemakerContainerRoutes,
      SagemakerRuntimeRoutes,
      MlflowRoutes,
      OpenInferenceRoutes,
  };
  std::vector<Route> routes;
  for (const ModelProtocol protocol : kProtocols) {
    for (Route& route : protocol(host, options)) {
      route.probe = route.probe || options.any_host;
      routes.push_back(std::move(route));
    }
  }
  return routes;
}

Result<HttpResponse> Invoke(const ForestModel& model, HttpRequest& request, const ModelProtocolOptions& options) {
  thread_local PredictionScratch scratch;
  std::string type = MediaType(request.Header("content-type"));
  if (type.empty()) type = kCsvType;
  if (type == kCsvType) {
    GFR_TRY(ReadCsvRows(request.body, model, &scratch.rows));
  } else if (type == kLinesType || type == "application/x-ndjson") {
    type = kLinesType;
    GFR_TRY(ReadJsonLineRows(request.body, model, &scratch.rows));
  } else if (type == kJsonType) {
    GFR_TRY(ReadJsonRows(request.body, model, &scratch.rows));
  } else {
    return Error{ErrorCode::kNotFound, "content type is '" + type.substr(0, 100) +
                                           "'; valid are text/csv, application/json and application/jsonlines"};
  }
  model.Predict(scratch.rows, &scratch.predictions);
  const std::string accept = MediaType(request.Header("accept"));
  if (accept == kCsvType || accept == kJsonType || accept == kLinesType) type = accept;
  HttpResponse response{.content_type = type};
  response.body = type == kCsvType     ? CsvAnswer(model, scratch.predictions, options.batch)
                  : type == kLinesType ? LinesAnswer(model, scratch.predictions)
                                       : JsonAnswer(model, scratch.predictions);
  return response;
}

bool IsShortInvocation(const ForestModel* model, const HttpRequest& request) {
  constexpr double kUsAByte = 0.001, kBytesAValue = 8;
  // With one core another thread is only a detour, unless the call is so long that a probe would wait for it.
  static const double kMostUs = HardwareThreads() > 1 ? 80 : 3000;
  if (model == nullptr) return true;
  const auto bytes = static_cast<double>(request.body.size());
  const auto rows = static_cast<std::size_t>(bytes / kBytesAValue / static_cast<double>(model->columns() + 1)) + 1;
  return bytes * kUsAByte + model->EstimateUs(rows) <= kMostUs;
}

}  // namespace gfr
