// WorthOfLabels: what a positive label of each row adds to the ranking value of its impression: the value formula with
// 1 in the objective's place, less the formula with 0 there. The formula's other objectives have the model's
// probability, and item properties what the feature that reads them has in the row.
//
// For "pctr * (1 + 5 * pcvr)" a click is worth 1 + 5 x the row's probability of a purchase. Thread safety: a pure
// function.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "feature/feature_set.h"
#include "feed/feed_config.h"
#include "model/model.h"

namespace gfr {

struct LabelWorth {
  std::vector<float> of_row;  // NaN: unknown. Empty: there is none, and `why` says so.
  std::string why;
};

// `rows`: of `objective`, one of [from_ms, to_ms) has a worth.
Result<LabelWorth> WorthOfLabels(const FeedConfig& feed, const FeatureSet& features, const Model& model,
                                 const std::string& objective, const ObjectiveRows& rows, std::int64_t from_ms,
                                 std::int64_t to_ms);

}  // namespace gfr
