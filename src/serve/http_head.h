// Checks of a request's head before its body is read: framing that another server could read differently (request
// smuggling), content that this server does not take, and the address behind a proxy. RFC 9112, 9110, 7239.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/http_message.h"

namespace gfr {

struct HeadLimits {
  std::size_t body_bytes = 16u << 20;
};

// `version`: 10 or 11. The response refuses the request, and the connection cannot be used any more:
//   400 no or two Hosts, two lengths, a length beside Transfer-Encoding, Transfer-Encoding in HTTP/1.0
//   413 a Content-Length over the limit    415 a Content-Encoding (bodies are taken as they are)
//   417 an expectation but 100-continue    501 a transfer coding but `chunked`
std::optional<HttpResponse> CheckHead(const HttpRequest& head, unsigned version, const HeadLimits& limits);

// "/a?b" into path and query. An absolute target (http://HOST/a) is a path too, and its HOST replaces the header's.
// False: neither.
bool SplitTarget(std::string_view target, HttpRequest* head);

// Addresses and networks (10.0.0.0/8), as in [serve] trusted_proxies.
class AddressSet {
 public:
  // kInvalidArgument: one is neither an address nor a network.
  static Result<AddressSet> Parse(const std::vector<std::string>& texts);
  bool Contains(std::string_view address) const;  // An IPv4 address mapped to IPv6 is the IPv4 address.

 private:
  struct Network {
    std::vector<std::uint8_t> bytes;  // 4 or 16.
    int bits = 0;
  };
  std::vector<Network> networks_;
};

bool IsLoopback(std::string_view address);
// The last address in Forwarded, else X-Forwarded-For, that is no trusted proxy; `peer` when it is not one itself or
// names nobody.
std::string ClientAddress(const HttpRequest& head, const std::string& peer, const AddressSet& proxies);

}  // namespace gfr
