// Reads the files of an import, each by its format and its map: the join of the readers with event/map_rows.h.
#pragma once

#include <string>
#include <vector>

#include "event/importer.h"

namespace gfr {

struct ImportInput {
  std::string format, file;  // trivago, ndjson, csv or parquet.
  std::string map;           // csv and parquet: the map's path.
};

// Of the arguments of `gfr import FORMAT FILE[:MAP]...`: `map` is of the files that name none. Of csv and parquet the
// end of a file's name decides (.parquet, .ndjson, .jsonl), and the format where it says neither. kInvalidArgument: the
// format is not known, or a file needs a map and has none.
Result<std::vector<ImportInput>> ParseInputs(const std::string& format, const std::vector<std::string>& files,
                                             const std::string& map);

// A file whose rows have no ids of their own, and which has the bytes of one before, is not read: its rows are the same
// events.
Status ReadInputs(const std::vector<ImportInput>& inputs, const ImportSettings& settings, const ImportSink& sink,
                  ImportReport* report);

// The text of a map proposed for a CSV or Parquet file (event/guess_map.h).
Result<std::string> GuessMapOf(const std::string& file);

}  // namespace gfr
