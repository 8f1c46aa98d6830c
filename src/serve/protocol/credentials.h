// What a foreign protocol shows in the place of a bearer token. Each value is one of our tokens (serve/access.h); a
// bearer token is taken too.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "serve/http_message.h"

namespace gfr {

std::string ApiKeyToken(const HttpRequest& head);     // X-API-Key: Gorse, OFREP.
std::string BasicUserToken(const HttpRequest& head);  // The user of Authorization: Basic: Segment's write key.
std::string ApiSecretToken(const HttpRequest& head);  // api_secret in the query: GA4.

}  // namespace gfr
