// RankedSlates: the slates of a range of time as the ranking metrics read them, with the scores of a model and of the
// baselines.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "metric/ranking_metrics.h"
#include "model/model.h"

namespace gfr {

struct RankedSlates {
  std::vector<RankedRequest> requests;
  std::vector<std::vector<float>> model, order_shown, popularity, most_recent;  // One a request, one score an item.
};

// The slates of [from_ms, to_ms), ranked by the model's "pctr", else by its first objective. kInvalidArgument: the
// model has no objective, or its forest cannot score the rows.
Result<RankedSlates> RankSlates(const Model& model, const Dataset& data, std::int64_t from_ms, std::int64_t to_ms);

// Which of the objectives ranks slates: "pctr", else the first that the model has; 0 when it has none of them.
std::size_t RankingObjective(const std::vector<ObjectiveConfig>& objectives, const Model& model);

// As the ranking metrics take them. REQUIRES: `scores` outlives the spans.
std::vector<std::span<const float>> Spans(const std::vector<std::vector<float>>& scores);

}  // namespace gfr
