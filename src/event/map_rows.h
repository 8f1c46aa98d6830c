// Reads the rows of one file by a map.
#pragma once

#include "base/row_source.h"
#include "event/import_map.h"
#include "event/importer.h"

namespace gfr {

// Adds the rows of one file to `report`. Errors: a column that the map names and the file has not, or twice; the
// sink's.
Status ImportRows(RowSource& rows, const std::string& file, const ImportMap& map, const ImportSettings& settings,
                  const ImportSink& sink, ImportReport* report);

}  // namespace gfr
