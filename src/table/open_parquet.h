// Opening a Parquet file for Arrow's reader; for the readers of this module.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace parquet::arrow {
class FileReader;
}

namespace gfr {

struct ParquetFile {
  std::shared_ptr<parquet::arrow::FileReader> reader;
  std::shared_ptr<arrow::Schema> schema;
};

// Errors: kNotFound; kCorrupt when Arrow cannot read the file.
Result<ParquetFile> OpenParquetFile(const std::string& path);
Error CorruptParquet(const std::string& path, const arrow::Status& status);

}  // namespace gfr
