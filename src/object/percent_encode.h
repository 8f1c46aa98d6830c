// PercentEncode: a value of a query or a form (RFC 3986): all but letters, digits and "-._~" as %XX.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

namespace gfr {

inline std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) || c == '-' || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += {'%', kHex[u >> 4], kHex[u & 15]};
  }
  return out;
}

}  // namespace gfr
