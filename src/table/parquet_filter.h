// Takes the rows of some keys out of a Parquet file.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "base/result.h"

namespace gfr {

// How many rows of `path` have one of `keys` in `column`; unless `dry_run`, writes the others beside, in their order,
// and renames (a file of which none is left keeps its schema). 0 for a file without such a column of 64-bit integers.
// Memory: one row group. Errors: kCorrupt when Arrow cannot read the file; kUnavailable when it cannot be written.
Result<std::uint64_t> RemoveParquetRows(const std::string& path, const std::string& column,
                                        const std::unordered_set<std::uint64_t>& keys, bool dry_run);

}  // namespace gfr
