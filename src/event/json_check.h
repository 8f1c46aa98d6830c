// IsJson: whether a text is one JSON value, without a tree of it: it takes no memory, whatever the text holds.
//
// As RFC 8259 has it, within the depth that the parser takes. Numbers may be larger than any that can be read, and
// escapes of surrogates may stand alone. Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gfr {

bool IsJson(std::string_view text);

// `text` without the blanks between its tokens, where that takes at most `most_bytes`; nothing: it takes more. A blank
// stays where two tokens would become one without it. Text that is no JSON becomes none either.
std::optional<std::string> WithoutBlanks(std::string_view text, std::size_t most_bytes);

}  // namespace gfr
