// Fingerprints as text: 16 hexadecimal digits, lower case.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

std::string HexText(std::uint64_t number);
Result<std::uint64_t> ParseHex(std::string_view text);  // kInvalidArgument: anything but 16 digits.

}  // namespace gfr
