#include "base/hmac.h"

#include "base/hash.h"

namespace gfr {
namespace {

int DigitOf(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(DigitOf(hex[i]) * 16 + DigitOf(hex[i + 1]));
  return bytes;
}

}  // namespace

std::string HmacSha256Hex(std::string_view key, std::string_view text) {
  constexpr std::size_t kBlock = 64;
  std::string block = key.size() > kBlock ? BytesOfHex(Sha256Hex(key)) : std::string(key);
  block.resize(kBlock, '\0');
  std::string inner, outer;
  for (const char c : block) {
    inner += static_cast<char>(c ^ 0x36);
    outer += static_cast<char>(c ^ 0x5c);
  }
  inner += text;
  return Sha256Hex(outer + BytesOfHex(Sha256Hex(inner)));
}

std::string HmacSha256(std::string_view key, std::string_view text) { return BytesOfHex(HmacSha256Hex(key, text)); }

}  // namespace gfr
