// Bodies of model protocols that are numbers and little else: read without a parser of JSON, which would look at every
// number twice. What is read here has the meaning that row_reader.h gives it; whatever else a body may be is left to
// it.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "serve/forest_model.h"

namespace gfr {

// Appends the rows of {"instances": [[NUMBER, ...], ...]}, or "inputs", in rows of rows->columns numbers. False: the
// body is another one, and `rows` is as it was.
bool ReadPlainRows(std::string_view body, RowMatrix* rows);

// A body without the numbers of the first list that seems to be a tensor's data.
struct BodyWithoutData {
  std::string text;         // The list is [] here.
  std::size_t list_at = 0;  // Where it begins in it.
  RowMatrix values;         // Its numbers.
  bool is_used = false;     // Set by who finds that it was a tensor's data.
};
// False: there is no such list, or the rest of the body is not small. `taken` keeps its memory for the next one.
bool TakeData(std::string_view body, bool as_doubles, BodyWithoutData* taken);

}  // namespace gfr
