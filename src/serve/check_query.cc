#include "serve/check_query.h"

#include <charconv>

#include "serve/url_query.h"

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
  for (const QueryPair& pair : ParseQuery(query)) {
    for (const OperationParameter& p : operation.parameters) {
      if (p.in != "query" || p.name != pair.name) continue;
      if (auto wrong = p.shape.Check(QueryJson(p.shape, pair.value), p.name)) return wrong;
    }
  }
  return std::nullopt;
}

}  // namespace gfr
