#include "operations/import_mapped.h"

#include "base/file_system.h"
#include "event/import_map.h"
#include "table/parquet_rows.h"

namespace gfr {

Result<ImportReport> ImportMapped(const std::string& format, const std::vector<std::string>& files,
                                  const std::string& map_path, const ImportSink& sink) {
  if (map_path.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "import " + format + " needs --map map.toml, which says what each column is"};
  const auto text = PosixFileSystem().ReadAll(map_path);
  if (!text.ok()) return Error{ErrorCode::kInvalidArgument, "the map cannot be read: " + text.error().message};
  GFR_ASSIGN(const ImportMap map, ImportMap::Parse(text.value(), map_path));
  ImportReport report;
  for (const std::string& file : files) {
    GFR_ASSIGN(const auto rows, format == "csv" ? OpenCsv(file) : OpenParquet(file));
    GFR_TRY(ImportRows(*rows, file, map, sink, &report));
  }
  return report;
}

}  // namespace gfr
