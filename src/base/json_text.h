// JSON to text and back, compiled once: the parser and the writer of nlohmann/json take seconds of every source that
// instantiates them.
//
// For nlohmann::json and nlohmann::ordered_json. Thread safety: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gfr {

// Bytes that are no UTF-8 are replaced by U+FFFD. `indent`: spaces by level; -1: one line.
template <typename Json>
std::string DumpJson(const Json& json, int indent = -1);

// Of what is no JSON: throws Json::parse_error, or gives a value that is_discarded().
template <typename Json>
Json ParseJson(std::string_view text, bool throws = true);

extern template std::string DumpJson(const nlohmann::json&, int);
extern template std::string DumpJson(const nlohmann::ordered_json&, int);
extern template nlohmann::json ParseJson(std::string_view, bool);
extern template nlohmann::ordered_json ParseJson(std::string_view, bool);

}  // namespace gfr
