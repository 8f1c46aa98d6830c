// Reads columns of int64 and one column of bytes of a Parquet file, a row group at a time: how the lake is read back
// (log/lake_log.h).
//
// Memory: one row group of those columns. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfr {

class ParquetBlobs {
 public:
  // Errors: kNotFound; kCorrupt when Arrow cannot read the file, or a column is missing or of another type.
  static Result<std::unique_ptr<ParquetBlobs>> Open(const std::string& path, const std::vector<std::string>& numbers,
                                                    const std::string& blobs);
  ~ParquetBlobs();
  // Row groups whose first column, which must rise, ends before `value` are passed over by their statistics.
  void SkipBefore(std::int64_t value);
  // Reads the next row group. False: there is none. Errors: kCorrupt, also of a null.
  Result<bool> Next();

  std::size_t rows() const { return rows_; }
  std::int64_t number(std::size_t column, std::size_t row) const { return numbers_[column][row]; }
  std::string_view blob(std::size_t row) const {
    const std::int32_t begin = row == 0 ? 0 : ends_[row - 1];
    return std::string_view(bytes_).substr(static_cast<std::size_t>(begin),
                                           static_cast<std::size_t>(ends_[row] - begin));
  }

 private:
  struct State;
  explicit ParquetBlobs(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  std::size_t rows_ = 0;
  std::vector<std::vector<std::int64_t>> numbers_;
  std::string bytes_;
  std::vector<std::int32_t> ends_;
};

}  // namespace gfr
