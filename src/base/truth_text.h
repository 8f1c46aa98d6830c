// The words for true and false as frames and databases write them into CSV: pandas "True", JSON "true", SQL "TRUE".
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string_view>

namespace gfr {

// Nothing: the text is neither.
inline std::optional<bool> TruthOf(std::string_view text) {
  if (text == "True" || text == "true" || text == "TRUE") return true;
  if (text == "False" || text == "false" || text == "FALSE") return false;
  return std::nullopt;
}

}  // namespace gfr
