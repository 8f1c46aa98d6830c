#include "serve/check_query.h"

#include <algorithm>
#include <charconv>

#include "serve/router.h"

namespace gfr {
namespace {

// A value of a query as JSON has it; a text that is none of the shape's kind stays a text.
nlohmann::json QueryJson(const JsonShape& shape, const std::string& text) {
  if (shape.kind == JsonShape::Kind::kBoolean && (text == "true" || text == "false")) return text == "true";
  std::int64_t whole = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (shape.kind == JsonShape::Kind::kWhole && code == std::errc{} && end == text.data() + text.size()) return whole;
  return text;
}

}  // namespace

std::optional<std::string> CheckQuery(const Operation& operation, std::string_view query) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = UrlDecode(pair.substr(0, equals));
    for (const OperationParameter& p : operation.parameters) {
      if (p.in != "query" || p.name != name) continue;
      const std::string text = UrlDecode(pair.substr(std::min(equals + 1, pair.size())));
      if (auto wrong = p.shape.Check(QueryJson(p.shape, text), name)) return wrong;
    }
  }
  return std::nullopt;
}

}  // namespace gfr
