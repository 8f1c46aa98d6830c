// HttpCaller: the one way in which GFR calls other servers over HTTP (by libcurl), and the rules that such a call
// keeps.
//
// The host's name is resolved once, and the address that is connected to is the one that was checked: unless the caller
// allows it, none of a private, loopback, link-local or reserved network, so that a URL from a configuration cannot
// reach what only this machine can. http and https only; certificates are verified; no redirect is followed, no proxy
// of the environment is used, and the path is sent as it is given. A call has a deadline, a stop token and a bound on
// the reply. Connections are kept. Messages name the server, never path, query, headers or credentials. Thread safety:
// all calls; they block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gfr {

// Signs the call (AWS Signature Version 4).
struct AwsSignature {
  std::string region, service, access_key, secret_key;
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value".
  std::string_view body = {};        // Of any method but GET.
  std::int64_t deadline_ms = 0;      // Of MonotonicMs(); 0: 30 s from now.
  std::size_t max_reply_bytes = 64u << 20;
  std::optional<AwsSignature> aws = {};
};

struct HttpAnswer {
  int status = 0;
  std::string content_type, body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // As sent; names in lower case.

  // The first one of this name (lower case); empty: there is none.
  std::string_view Header(std::string_view name) const;
};

class HttpCaller {
 public:
  virtual ~HttpCaller() = default;
  // Whatever the server answered. Errors: kInvalidArgument, the URL is none or its address is not allowed;
  // kResourceExhausted, the reply is too large; kUnavailable, no whole answer in time, or a stop was requested.
  virtual Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token& stop = {}) = 0;
};

struct HttpCallerOptions {
  bool allow_private = false;  // Private and loopback addresses too: the URL is the operator's own.
  // Whoever answers on a loopback address is this machine: it needs no certificate. For probes, which send no secret.
  bool trust_loopback = false;
  std::int64_t connect_timeout_ms = 10'000;
  std::int64_t stalled_s = 30;  // Nothing comes or goes for so long: the call fails before its deadline.
  std::string ca_file;          // Certificates to trust instead of the system's.
};
std::unique_ptr<HttpCaller> MakeHttpCaller(HttpCallerOptions options = {});

// Whether an IPv4 or IPv6 address in text is of the open internet. False for what is no address.
bool IsPublicAddress(const std::string& address);

}  // namespace gfr
