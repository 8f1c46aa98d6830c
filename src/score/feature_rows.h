// FeatureRows: a table from outside (base/column_source.h) as the rows that a forest reads.
//
// Columns are matched by name: exactly, else without blanks around the name, for LightGBM also with `_` for blanks (it
// stores names so). By order, and then their number must be the forest's, only when the forest names no columns, when
// the table has none of its names, or on request; a table that has some of the names is refused.
//
// An empty cell, nan (in any case) and NA are missing. Numbers are read to the nearest float32 for XGBoost's forests,
// to the nearest double for LightGBM's. A column whose categories the model was trained with holds categories, which
// become codes; one that the model does not know is missing for LightGBM and an error for XGBoost, as it is for each.
//
// Thread safety: none.
#pragma once

#include <string>
#include <vector>

#include "base/column_source.h"
#include "model/forest.h"
#include "score/rows.h"

namespace gfr {

struct FeatureRowsOptions {
  bool by_order = false;  // Whatever the names are.
  bool codes = false;     // Columns of categories hold codes already.
};

class FeatureRows {
 public:
  // `path` is for messages. Errors: kInvalidArgument for columns that do not fit, and for a first line of numbers where
  // a header is wanted. `source` and `forest` must outlive this.
  static Result<FeatureRows> Make(ColumnSource& source, const Forest& forest, const std::string& path,
                                  const FeatureRowsOptions& options = {});

  // Up to `max` further rows; fewer only at the end. Errors: kInvalidArgument for a cell that is no number, with its
  // line and column, and the source's.
  Result<std::size_t> Next(std::size_t max);
  Rows rows() const;  // Of the last Next.

 private:
  FeatureRows() = default;
  template <typename T>
  Status Read(std::size_t column, std::size_t count, std::vector<T>& rows) const;

  ColumnSource* source_ = nullptr;
  const Forest* forest_ = nullptr;
  std::string path_;
  bool doubles_ = false, codes_ = false;
  std::vector<std::size_t> place_;  // One a column of the forest: its column in the table.
  std::vector<bool> passed_over_;   // Of these, whose cells may be anything.
  std::size_t count_ = 0;
  std::vector<float> f32_;
  std::vector<double> f64_;
  std::vector<SourceColumn> columns_;
};

}  // namespace gfr
