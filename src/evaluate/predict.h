// Margins and probabilities of selected rows, as the forest and the calibrators of an objective give them.
//
// A forest that cannot score the rows is an error, never a margin of 0: a metric of such margins would look like one of
// a model that knows nothing.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "evaluate/selected_rows.h"
#include "score/scorer.h"

namespace gfr {

// A scorer of rows with `columns` columns. kInvalidArgument: the forest reads columns that such rows do not have.
Result<std::unique_ptr<const Scorer>> ScorerOf(const Forest& forest, std::size_t columns);

// As the link reads them: what calibrators are fitted on and probabilities made of.
Result<std::vector<float>> Margins(const Forest& forest, const SelectedRows& rows, bool at_reference = false);

// Calibrated, of labels within the whole window.
Result<std::vector<float>> Probabilities(const ObjectiveModel& objective, const SelectedRows& rows,
                                         bool at_reference = false);

}  // namespace gfr
