#include "base/size.h"

#include <charconv>
#include <cstdio>

namespace gfr {
namespace {

constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};

}  // namespace

Result<std::uint64_t> ParseSize(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (code == std::errc{} && number == 0 && unit.empty()) return std::uint64_t{0};
  for (unsigned k = 0; code == std::errc{} && k < std::size(kUnits); ++k) {
    if (unit == kUnits[k] && number <= (~std::uint64_t{0} >> (10 * k))) return number << (10 * k);
  }
  return Error{ErrorCode::kInvalidArgument, "'" + std::string(text) +
                                                "' is not a size; valid is a whole number and B, KiB, MiB, GiB or TiB, "
                                                "such as 4GiB"};
}

std::string FormatSize(std::uint64_t bytes) {
  unsigned k = 0;
  while (k + 1 < std::size(kUnits) && bytes >> (10 * (k + 1)) > 0) ++k;
  const double value = static_cast<double>(bytes) / static_cast<double>(std::uint64_t{1} << (10 * k));
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s", k == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2, value, kUnits[k]);
  return text;
}

}  // namespace gfr
