// A model version's calibrated probabilities of one objective, for a table of feature rows from outside.
//
// Columns are found by the features' names, others are passed over; category columns hold raw codes, as `gfr dataset`
// writes them. A column of type position is the place shown; where it is missing, rows are read at the model's
// reference. A softmax objective reads the column `request` besides: rows of one request share its click.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/column_source.h"
#include "model/model.h"

namespace gfr {

// `open` gives the table from its beginning; it is called twice for a softmax objective, whose rows are then all in
// memory. `out` gets the probabilities, one a row in the table's order, batch by batch; its error ends the reading.
// kNotFound: no such objective; kInvalidArgument: a column that is missing, or a cell that is no number.
Status PredictRows(const Model& model, const std::string& objective, const std::string& path,
                   const std::function<Result<std::unique_ptr<ColumnSource>>()>& open,
                   const std::function<Status(std::span<const float>)>& out);

}  // namespace gfr
