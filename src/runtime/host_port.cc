#include "runtime/host_port.h"

#include <algorithm>
#include <charconv>

namespace gfr {

Result<HostPort> ParseHostPort(std::string_view text, int default_port, bool allow_port_0) {
  const auto bad = [&](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + std::string(text.substr(0, 200)) + "' " + why +
                     "; valid is HOST:PORT, as in localhost:8080, 10.0.0.1:8080 or [::1]:8080"};
  };
  std::string_view host = text, port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return bad("has no ']'");
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return bad("has text behind its ']'");
    if (host.find(':') == host.npos) return bad("has brackets around what is not an IPv6 address");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (const std::size_t colon = text.rfind(':'); colon != text.npos) {
    if (text.find(':') != colon) return bad("is an IPv6 address without brackets");
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  const auto valid = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '%';
  };
  if (host.empty() || host.size() > 255) return bad("has no host");
  if (!std::ranges::all_of(host, valid)) return bad("has a character in its host that no host has");
  HostPort address{.host = std::string(host), .port = default_port};
  if (!has_port) return default_port > 0 ? Result<HostPort>(address) : bad("has no port");
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port > 65535 ||
      address.port < (allow_port_0 ? 0 : 1))
    return bad("has no port from 1 to 65535");
  return address;
}

std::string FormatHostPort(const HostPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace gfr
