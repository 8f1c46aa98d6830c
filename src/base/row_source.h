// RowSource: the rows of a table from outside (CSV, Parquet), as text, one at a time.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace gfr {

struct Cell {
  std::string text;               // Empty: missing.
  std::vector<std::string> list;  // Of a column of lists; `text` is then empty.
  bool is_list = false;
};

class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual const std::vector<std::string>& columns() const = 0;
  // False at the end. kCorrupt: the file cannot be read on. A row of another width than the columns has as many cells
  // as it has.
  virtual Result<bool> Next(std::vector<Cell>* row) = 0;
  virtual std::uint64_t line() const = 0;           // Of the row read last, from 1; for messages.
  virtual std::string fault() const { return ""; }  // Why the row read last is none, where that is known.
};

}  // namespace gfr
