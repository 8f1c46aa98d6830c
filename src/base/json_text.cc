#include "base/json_text.h"

namespace gfr {

template <typename Json>
std::string DumpJson(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <typename Json>
Json ParseJson(std::string_view text, bool throws) {
  return Json::parse(text, nullptr, throws);
}

template std::string DumpJson(const nlohmann::json&, int);
template std::string DumpJson(const nlohmann::ordered_json&, int);
template nlohmann::json ParseJson(std::string_view, bool);
template nlohmann::ordered_json ParseJson(std::string_view, bool);

}  // namespace gfr
