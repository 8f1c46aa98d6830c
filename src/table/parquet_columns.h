// The columns of a Parquet file as a ColumnSource: numbers and booleans as numbers, texts and dictionaries of texts as
// texts, dictionaries of numbers as numbers. Only the columns that are selected are decoded; others may be anything.
#pragma once

#include <memory>
#include <string>

#include "base/column_source.h"

namespace gfr {

// Errors: kNotFound; kCorrupt when Arrow cannot read the file.
Result<std::unique_ptr<ColumnSource>> OpenParquetColumns(const std::string& path);

}  // namespace gfr
