// Imports CSV or Parquet files by a map file: the join of the readers with event/import_map.h.
#pragma once

#include <string>
#include <vector>

#include "event/importer.h"

namespace gfr {

Result<ImportReport> ImportMapped(const std::string& format, const std::vector<std::string>& files,
                                  const std::string& map_path, const ImportSink& sink);

}  // namespace gfr
