// The query of a URL, read in one way by all calls: names and values as HTML forms write them, where '+' is a space
// (WHATWG URL, application/x-www-form-urlencoded).
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/http_message.h"

namespace gfr {

struct QueryPair {
  std::string name, value;  // Decoded. A name without '=' has an empty value.
};
// In the order sent.
std::vector<QueryPair> ParseQuery(std::string_view query);
// The first value of the name; empty: it is not there.
std::string QueryValue(const HttpRequest& head, std::string_view name);

// "a%2Fb" to "a/b"; what is not two hex digits stays as it is, and so does '+', which is no space in a path.
std::string UrlDecode(std::string_view text);

}  // namespace gfr
