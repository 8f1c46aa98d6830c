// GuessMap: a map proposed for a file, from the names of its columns and its first rows (`gfr import guess`).
//
// What cannot be known stands in it as a comment. Thread safety: none.
#pragma once

#include <string>
#include <vector>

#include "base/row_source.h"

namespace gfr {

inline constexpr std::size_t kGuessRows = 2000;

// The text of a map; always one that ImportMap::Parse takes, but for a time column and types that cannot be found.
// `columns`: those of the source to look at. `encoding`: the one that the rows were read by; empty: UTF-8. Errors: the
// source's.
Result<std::string> GuessMap(RowSource& rows, const std::vector<std::string>& columns, const std::string& file,
                             const std::string& encoding = "");

}  // namespace gfr
