// Margins and probabilities of selected rows, as the forest and the calibrators of an objective give them.
#pragma once

#include <vector>

#include "evaluate/selected_rows.h"

namespace gfr {

// As the link reads them: what calibrators are fitted on and probabilities made of.
std::vector<float> Margins(const Forest& forest, const SelectedRows& rows, bool at_reference = false);

// Calibrated, of labels within the whole window.
std::vector<float> Probabilities(const ObjectiveModel& objective, const SelectedRows& rows, bool at_reference = false);

}  // namespace gfr
