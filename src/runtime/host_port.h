// HostPort: the address of a server, as people write it: "HOST:PORT", "10.0.0.1:80", "[::1]:80".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

struct HostPort {
  std::string host;  // Without brackets.
  int port = 0;
  bool operator==(const HostPort&) const = default;
};

// `default_port` 0: a port must be given. Valid ports are 1 to 65535; `allow_port_0` lets the system choose. An IPv6
// address stands in brackets when a port follows. Errors: kInvalidArgument, with what is valid.
Result<HostPort> ParseHostPort(std::string_view text, int default_port = 0, bool allow_port_0 = false);

// What ParseHostPort reads, brackets included; fit for a URL.
std::string FormatHostPort(const HostPort& address);

}  // namespace gfr
