// Column names in a forest as its engine wrote it: training gives engines numbers alone, and whoever loads the file
// elsewhere wants to know which column is which.
//
// XGBoost's UBJSON gets `feature_names`. LightGBM's text, whose names cannot be empty, gets the names in the place of
// Column_0, Column_1 and so on, with `_` for each byte that LightGBM itself would not write (blanks, quotes, brackets,
// braces, colons, commas). Trees are never touched. A file that has names of its own, or is not as its engine writes
// it, comes back as it was; so does any where two columns would have one name, which the engines refuse. Thread safety:
// pure.
#pragma once

#include <string>
#include <vector>

#include "model/forest.h"

namespace gfr {

std::string NameColumns(std::string forest, Forest::Engine engine, const std::vector<std::string>& names);

}  // namespace gfr
