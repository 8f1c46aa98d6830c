// What a model file says of its categories and this program cannot honour. Thread safety: pure functions.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>

namespace gfr {

// Categories that are whole numbers are kept as doubles (model/category_codes.h): those of 2^53 and more, as ids of 64
// bits may be, would be taken for their neighbours.
inline bool IsExactCategory(double whole) { return std::abs(whole) < 0x1p53; }

// A forest's category_fault where column `column`, from 0, has others.
inline std::string CategoriesNotExact(std::size_t column) {
  return "column " + std::to_string(column + 1) +
         " has whole numbers of 2^53 and more as categories, which are not told apart";
}

}  // namespace gfr
