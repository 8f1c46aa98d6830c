// Slices: the metrics of an objective among the rows that share a category or a quarter of a number, to find where a
// model is worse than on the whole.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/report.h"
#include "evaluate/selected_rows.h"

namespace gfr {

// By every category column (its eight most frequent values) and, in quarters, by price, supplied_rank and the position
// shown. Slices of fewer than 50 rows are left out. `probability`: of the objective, one a row.
Result<std::vector<SliceReport>> MeasureSlices(const Model& model, const Dataset& data, const ObjectiveModel& objective,
                                               const SelectedRows& rows, const std::vector<float>& probability);

// The text of a category, from its raw value; "code N" where the dataset does not know it.
std::string CategoryName(const Dataset& data, float raw, float code);

}  // namespace gfr
