// ColumnSource: a table from outside (CSV, Parquet), batch by batch and column by column: numbers as numbers.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/row_source.h"

namespace gfr {

struct SourceColumn {
  bool is_text = false;            // Which of the two it has.
  std::vector<double> numbers;     // NaN: missing. true and false are 1 and 0.
  std::vector<std::string> texts;  // Empty: missing.
};

class ColumnSource {
 public:
  virtual ~ColumnSource() = default;
  virtual const std::vector<std::string>& columns() const = 0;
  // Which columns Next reads: places in columns(). REQUIRES: called once, before Next. Errors: kInvalidArgument for a
  // column that has neither numbers nor texts.
  virtual Status Select(std::vector<std::size_t> wanted) = 0;
  // Likewise, one column of ids: 64-bit integers and decimals are texts of all their digits, since a double can make
  // two ids one. Other numbers stay numbers.
  virtual Status SelectIds(std::size_t column) = 0;
  // Up to `max` further rows, fewer only at the end: one column for each that is wanted. kCorrupt: the file cannot be
  // read on; kInvalidArgument: a row of another width, or one that is none.
  virtual Result<std::size_t> Next(std::size_t max, std::vector<SourceColumn>* out) = 0;
  // Where row `i` of the last batch stands in the file, from 1; for messages.
  virtual std::uint64_t line(std::size_t i) const = 0;
};

// A table of text, such as CSV, as columns of texts; `path` is for messages. Empty lines are passed over.
std::unique_ptr<ColumnSource> ColumnsOfRows(std::unique_ptr<RowSource> rows, std::string path);

}  // namespace gfr
