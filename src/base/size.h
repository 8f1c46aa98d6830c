// Sizes as text: "512MiB". All sizes are bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

// A whole number and one of B, KiB, MiB, GiB, TiB ("4GiB"); "0" is valid.
Result<std::uint64_t> ParseSize(std::string_view text);

// Three digits of the greatest unit that it has one of: "1.50 GiB", "900 B".
std::string FormatSize(std::uint64_t bytes);

}  // namespace gfr
