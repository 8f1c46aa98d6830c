// What model protocols send as feature rows, read straight into a matrix: no document is made of a body.
//
// A number of JSON is read to the nearest double, and for XGBoost's models to the float nearest to that, as programs in
// Python do; a number of CSV to the nearest float, as `gfr predict` does. null, NaN and an empty cell are missing; true
// is 1. A matrix is never larger than its body. Errors are kInvalidArgument and say which row is wrong.
// Thread safety: any thread; the parser's memory is kept for the thread's next call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/forest_model.h"

namespace gfr {

// Lines without a header, or with the model's names as the first; columns in the model's order.
Status ReadCsvRows(std::string_view body, const ForestModel& model, RowMatrix* rows);

// One of
//   {"instances": [ROW, ...]}            SageMaker, MLflow, TensorFlow Serving
//   {"inputs": [ROW, ...]} or {"inputs": {NAME: [NUMBER, ...], ...}}
//   {"dataframe_split": {"columns": [NAME, ...], "data": [[NUMBER, ...], ...]}}
//   {"dataframe_records": [{NAME: NUMBER, ...}, ...]}
// A ROW is a list of numbers in the model's order, {"features": [NUMBER, ...]}, or numbers by the model's names.
// `body` may get more capacity; its text stays.
Status ReadJsonRows(std::string& body, const ForestModel& model, RowMatrix* rows);

// A ROW, or {"features": [...]} in SageMaker's way, on each line.
Status ReadJsonLineRows(std::string& body, const ForestModel& model, RowMatrix* rows);

// The request of the Open Inference Protocol: one tensor of shape [rows, columns], or one of shape [rows] or [rows, 1]
// for each of the model's columns, by name or in its order.
struct InferRequest {
  std::string id;
  std::vector<std::string> outputs;  // As asked for; none: all.
  bool binary_output = false;        // They are asked for in binary form.
};
Status ReadInferRequest(std::string& body, const ForestModel& model, RowMatrix* rows, InferRequest* request);
// Likewise, of a body whose first `json_bytes` bytes are the request, and the rest the tensors that say that they are
// in binary form (binary_tensor.h), in their order. REQUIRES: json_bytes <= body.size().
Status ReadInferRequest(std::string& body, std::size_t json_bytes, const ForestModel& model, RowMatrix* rows,
                        InferRequest* request);

}  // namespace gfr
