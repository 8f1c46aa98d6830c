// FeatureRows: a table from outside (base/row_source.h) as the rows that a forest reads.
//
// Columns are matched by name when the forest names its columns and the table has them all, else by order; then their
// number must be the forest's. An empty cell, nan (in any case) and NA are missing. Numbers are read to the nearest
// float32 for XGBoost's forests, to the nearest double for LightGBM's. Thread safety: none.
#pragma once

#include <string>
#include <vector>

#include "base/row_source.h"
#include "model/forest.h"
#include "score/rows.h"

namespace gfr {

class FeatureRows {
 public:
  // `path` is for messages. Errors: kInvalidArgument for columns that do not fit. `source` must outlive this.
  static Result<FeatureRows> Make(RowSource& source, const Forest& forest, const std::string& path);

  // Up to `max` further rows; fewer only at the end. Errors: kInvalidArgument for a row of another width or a cell that
  // is no number, with its line and column.
  Result<std::size_t> Next(std::size_t max);
  Rows rows() const;  // Of the last Next.

 private:
  FeatureRows() = default;
  RowSource* source_ = nullptr;
  std::string path_;
  bool doubles_ = false;
  std::vector<std::size_t> place_;  // One a column of the forest: its column in the table.
  std::size_t count_ = 0;
  std::vector<float> f32_;
  std::vector<double> f64_;
  std::vector<Cell> cells_;
};

}  // namespace gfr
