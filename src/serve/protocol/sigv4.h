// AWS Signature Version 4 of a request (docs.aws.amazon.com/IAM, "Create a signed AWS API request"), verified with a
// key that the server was given.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "serve/http_message.h"

namespace gfr {

struct SigV4Key {
  std::string access_key, secret_key;  // Empty: there is none.
};

// Whether the request is signed in this way at all.
bool IsSigV4(const HttpRequest& request);

// What is wrong with the signature; nothing: it is the key's, and its time is within 15 minutes of `now_ms`. The whole
// body is signed.
std::optional<std::string> CheckSigV4(const HttpRequest& request, const SigV4Key& key, std::int64_t now_ms);

// The signature that CheckSigV4 expects, for the parts of an Authorization header. Exposed for tests.
struct SigV4Scope {
  std::string access_key, date, region, service, signed_headers, signature;
};
std::string SignSigV4(const HttpRequest& request, const SigV4Scope& scope, const std::string& secret_key);

}  // namespace gfr
