// Writes a table of plain columns as one Parquet file (Zstandard), for DuckDB, pandas and Spark.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gfr {

struct NamedColumn {
  std::string name;
  // NaN and the empty string are null.
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint64_t>,
               std::vector<std::string>, std::vector<std::vector<std::string>>>
      values;
};

// REQUIRES: columns of one length. Written beside and renamed.
Status WriteParquet(const std::string& path, const std::vector<NamedColumn>& columns);

}  // namespace gfr
