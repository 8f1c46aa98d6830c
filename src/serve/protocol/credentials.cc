#include "serve/protocol/credentials.h"

#include "serve/access.h"
#include "serve/http_wire.h"
#include "serve/url_query.h"

namespace gfr {
namespace {

// RFC 4648; what is no letter of it ends the text.
std::string DecodeBase64(std::string_view text) {
  static constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : text) {
    const std::size_t value = kLetters.find(c);
    if (value == std::string_view::npos) break;
    bits = bits << 6 | static_cast<unsigned>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

}  // namespace

std::string ApiKeyToken(const HttpRequest& head) {
  const std::string_view key = head.Header("x-api-key");
  return std::string(key.empty() ? BearerOf(head) : key);
}

std::string BasicUserToken(const HttpRequest& head) {
  std::string_view sent = head.Header("authorization");
  if (LowerCase(sent.substr(0, 6)) != "basic ") return std::string(BearerOf(head));
  const std::string pair = DecodeBase64(sent.substr(6));
  return pair.substr(0, pair.find(':'));
}

std::string ApiSecretToken(const HttpRequest& head) {
  std::string secret = QueryValue(head, "api_secret");
  return secret.empty() ? std::string(BearerOf(head)) : secret;
}

}  // namespace gfr
