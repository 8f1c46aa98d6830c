#include "serve/url_query.h"

#include <algorithm>
#include <charconv>

namespace gfr {
namespace {

std::string FormDecode(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return UrlDecode(spaced);
}

}  // namespace

std::vector<QueryPair> ParseQuery(std::string_view query) {
  std::vector<QueryPair> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    pairs.push_back({FormDecode(pair.substr(0, equals)), FormDecode(pair.substr(std::min(equals + 1, pair.size())))});
  }
  return pairs;
}

std::string QueryValue(const HttpRequest& head, std::string_view name) {
  for (QueryPair& pair : ParseQuery(head.query)) {
    if (pair.name == name) return std::move(pair.value);
  }
  return "";
}

std::string UrlDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace gfr
