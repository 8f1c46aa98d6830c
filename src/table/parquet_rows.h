// The rows of a Parquet file as text; lists become lists, timestamps RFC 3339, what else there is its plain text.
#pragma once

#include <memory>
#include <string>

#include "base/row_source.h"

namespace gfr {

// Errors: kNotFound; kCorrupt when Arrow cannot read the file; kInvalidArgument for nested columns other than lists.
Result<std::unique_ptr<RowSource>> OpenParquet(const std::string& path);

}  // namespace gfr
