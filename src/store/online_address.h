// OnlineAddress: where the online rows are kept, as the configuration says it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

struct RedisAddress {
  std::string host;  // Empty: a unix socket at `path`.
  int port = 6379;
  std::string path;
  std::string prefix = "gfr:";  // Of every key.
};

struct OnlineAddress {
  bool embedded = true;
  RedisAddress redis;
};

// "embedded", "redis://HOST[:PORT][/PREFIX]" or "redis+unix:///PATH[?prefix=PREFIX]".
Result<OnlineAddress> ParseOnlineAddress(std::string_view text, SourceSpan where = {});

}  // namespace gfr
