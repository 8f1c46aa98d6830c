// HMAC-SHA256 (RFC 2104): the proof that a text comes from one who knows the key.
#pragma once

#include <string>
#include <string_view>

namespace gfr {

std::string HmacSha256(std::string_view key, std::string_view text);     // 32 bytes.
std::string HmacSha256Hex(std::string_view key, std::string_view text);  // The same as 64 hex digits, lower case.

}  // namespace gfr
