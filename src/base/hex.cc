#include "base/hex.h"

#include <charconv>

namespace gfr {

std::string HexText(std::uint64_t number) {
  char digits[16];
  const std::size_t count =
      static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number, 16).ptr - digits);
  return std::string(sizeof digits - count, '0') + std::string(digits, count);
}

Result<std::uint64_t> ParseHex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != 16 || code != std::errc{} || end != text.data() + text.size())
    return Error{ErrorCode::kInvalidArgument,
                 "'" + std::string(text.substr(0, 40)) + "' is no fingerprint; valid are 16 hexadecimal digits"};
  return number;
}

}  // namespace gfr
