// Small helpers for texts of people and files. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace gfr {

// Without blanks and tabs around.
inline std::string_view Trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// For a message: in quotes, and not longer than 60 bytes.
inline std::string Quoted(std::string_view text) { return "'" + std::string(text.substr(0, 60)) + "'"; }

}  // namespace gfr
