// Writes tables of plain columns as Parquet (Zstandard), for DuckDB, pandas and Spark: whole, or batch by batch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace gfr {

struct NamedColumn {
  std::string name;
  // NaN and the empty string are null.
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint64_t>,
               std::vector<std::string>, std::vector<std::vector<std::string>>>
      values;
  bool is_unique = false;  // No value comes twice: no dictionary and no statistics are made.
};

// Key-value metadata of a file.
using ParquetMetadata = std::vector<std::pair<std::string, std::string>>;

// A file of any size in the memory of one batch. Written beside (`path`.tmp), synced and renamed by Close; a writer
// that is destroyed before leaves no file. After an error it is of no more use. Thread safety: none.
class ParquetWriter {
 public:
  // `schema`: the columns' names and types, without values.
  static Result<std::unique_ptr<ParquetWriter>> Open(FileSystem& fs, const std::string& path,
                                                     const std::vector<NamedColumn>& schema,
                                                     const ParquetMetadata& metadata = {});
  ~ParquetWriter();
  // One row group. REQUIRES: the schema's columns, of one length.
  Status Append(const std::vector<NamedColumn>& batch);
  Status Close();

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// REQUIRES: columns of one length. Written beside and renamed.
Status WriteParquet(const std::string& path, const std::vector<NamedColumn>& columns);

}  // namespace gfr
