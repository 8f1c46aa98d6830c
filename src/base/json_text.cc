#include "base/json_text.h"

namespace gfr {
namespace {

constexpr int kDeepest = 512;

// A megabyte of '[' would be a list for each, made and freed one by one: a hundred times what its bytes cost.
bool IsTooDeep(std::string_view text) {
  if (text.size() <= kDeepest) return false;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else
        in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

template <typename Json>
std::string DumpJson(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <typename Json>
Json ParseJson(std::string_view text, bool throws) {
  // Cut off, it is no JSON either way.
  if (IsTooDeep(text)) text = "[";
  return Json::parse(text, nullptr, throws);
}

template std::string DumpJson(const nlohmann::json&, int);
template std::string DumpJson(const nlohmann::ordered_json&, int);
template nlohmann::json ParseJson(std::string_view, bool);
template nlohmann::ordered_json ParseJson(std::string_view, bool);

}  // namespace gfr
