// The rows of a Parquet file as text: lists become lists, timestamps RFC 3339, numbers their canonical text
// (base/number_text.h), dictionaries what they stand for.
//
// A column inside of others has a path: "geo.city" of a struct, "items.item_id" of a list of structs (a list),
// "event_params[ga_session_id].value.int_value" of the entry of a list of structs (or of a map) whose `key` is
// ga_session_id. Only one list may lie on a path.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/row_source.h"

namespace gfr {

// `wanted`: the columns to read, by name or path; others are cells without a value. None: all, which must be plain
// columns or lists of such. A wanted name that is not there is not among columns(). Errors: kNotFound; kCorrupt when
// Arrow cannot read the file; kInvalidArgument for a column that is nested as no path says, by its name.
Result<std::unique_ptr<RowSource>> OpenParquet(const std::string& path, const std::vector<std::string>& wanted = {});

// The names and paths of all columns that OpenParquet can read, in the file's order; entries of maps are left out.
Result<std::vector<std::string>> ParquetColumns(const std::string& path);

}  // namespace gfr
