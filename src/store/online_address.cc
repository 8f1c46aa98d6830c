#include "store/online_address.h"

#include <charconv>

namespace gfr {

Result<OnlineAddress> ParseOnlineAddress(std::string_view text, SourceSpan where) {
  const auto bad = [&](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument,
                 "online \"" + std::string(text) + "\" " + std::string(what) +
                     "; valid is \"embedded\", \"redis://HOST[:PORT][/PREFIX]\" or "
                     "\"redis+unix:///PATH[?prefix=PREFIX]\"",
                 where};
  };
  OnlineAddress address;
  if (text == "embedded") return address;
  address.embedded = false;
  RedisAddress& redis = address.redis;
  constexpr std::string_view kTcp = "redis://", kUnix = "redis+unix://";
  if (text.starts_with(kUnix)) {
    std::string_view rest = text.substr(kUnix.size());
    if (const auto q = rest.find('?'); q != rest.npos) {
      if (!rest.substr(q).starts_with("?prefix=")) return bad("has a parameter that is not known");
      redis.prefix = rest.substr(q + 8);
      rest = rest.substr(0, q);
    }
    if (!rest.starts_with('/')) return bad("needs an absolute path");
    if (rest.size() > 107) return bad("has a path longer than 107 bytes, a unix socket's limit");
    redis.path = rest;
    return address;
  }
  if (!text.starts_with(kTcp)) return bad("is none of the known kinds");
  std::string_view rest = text.substr(kTcp.size());
  if (rest.find('@') != rest.npos) return bad("has a user or password, which are not supported");
  if (const auto slash = rest.find('/'); slash != rest.npos) {
    if (slash + 1 < rest.size()) redis.prefix = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  if (const auto colon = rest.rfind(':'); colon != rest.npos) {
    const std::string_view port = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), redis.port);
    if (error != std::errc() || end != port.data() + port.size() || redis.port < 1 || redis.port > 65535)
      return bad("has no port from 1 to 65535");
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) return bad("has no host");
  redis.host = rest;
  return address;
}

}  // namespace gfr
