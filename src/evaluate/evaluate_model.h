// EvaluateModel: a model judged on the rows and slates of a dataset. It needs no trainer: what only the forest's own
// library can tell (the importance of features) is asked of a function.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "evaluate/forest_importance.h"
#include "evaluate/report.h"
#include "model/model.h"

namespace gfr {

struct TimeRange {
  std::int64_t from_ms = INT64_MIN, to_ms = INT64_MAX;  // By arrival, to_ms exclusive.
};

struct EvaluateModelOptions {
  ExplainForest explain;           // Empty: the importance of features is left out.
  const Model* against = nullptr;  // Another model of the same features, compared on the same rows.
  // Of objectives whose rows are impressions, and by the randomised pairs among data.choices.
  bool position_bias = false;
};

// Judges `model` on the rows of `ranges` (one an objective) and the slates of the range of "pctr" (else of the first),
// ranked by it. kInvalidArgument: the model has no objective, or a forest cannot score the rows. Of a model that reads
// the position shown (a feature of type position), probabilities are judged at the position shown; order (ranking,
// by_request, by_user) and position bias at its reference.
Result<EvaluationReport> EvaluateModel(const Model& model, const Dataset& data,
                                       const std::vector<ObjectiveConfig>& objectives,
                                       const std::vector<TimeRange>& ranges, const EvaluateModelOptions& options = {});

// Where the training part left off: the test range of an objective, from the model's card.
TimeRange TestRange(const Model& model, const std::string& objective);

}  // namespace gfr
