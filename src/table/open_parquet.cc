#include "table/open_parquet.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>

namespace gfr {

Error CorruptParquet(const std::string& path, const arrow::Status& status) {
  return Error{ErrorCode::kCorrupt, status.ToString(), {path, 0}};
}

Result<ParquetFile> OpenParquetFile(const std::string& path) {
  const auto input = arrow::io::ReadableFile::Open(path);
  if (!input.ok()) return Error{ErrorCode::kNotFound, input.status().ToString(), {path, 0}};
  auto file = parquet::arrow::OpenFile(*input, arrow::default_memory_pool());
  if (!file.ok()) return CorruptParquet(path, file.status());
  ParquetFile open{std::move(*file), nullptr};
  if (const auto status = open.reader->GetSchema(&open.schema); !status.ok()) return CorruptParquet(path, status);
  return open;
}

}  // namespace gfr
