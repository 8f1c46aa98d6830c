// Checks the query of a request by the parameters of its operation.
//
// Thread safety: pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/operation.h"

namespace gfr {

// What is wrong with the first parameter that is; nothing: all that the operation names are as it says. Others are
// passed over.
std::optional<std::string> CheckQuery(const Operation& operation, std::string_view query);

}  // namespace gfr
