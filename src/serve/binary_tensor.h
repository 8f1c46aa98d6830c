// Tensors in binary form, as the Open Inference Protocol's extension "binary tensor data" has them: values one behind
// the other, little endian (github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md).
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/forest_model.h"

namespace gfr {

// Whether a tensor's datatype is one of numbers: FP16, FP32, FP64, INT8 to INT64, UINT8 to UINT64, BOOL.
bool IsNumericDatatype(std::string_view datatype);

// Appends the values of `bytes`; each is at least a byte. kInvalidArgument: another datatype, or bytes that are not a
// whole number of values.
Status AppendBinaryValues(std::string_view datatype, std::string_view bytes, RowMatrix* values);

// Appends `values` as FP32, or as FP64.
void AppendAsBinary(const std::vector<double>& values, bool as_doubles, std::string* out);

}  // namespace gfr
