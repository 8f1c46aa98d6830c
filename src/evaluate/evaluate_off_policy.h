// EvaluateOffPolicy: what a model would have earned at the places of slates that the server filled by chance.
//
// The ranker draws every sixth place from the explore channel, with probability 1 / pool. There, and only there, the
// log says what another choice would have earned: the model's own is the item of the pool to which its pctr (else its
// first objective) gives the highest score, equal ones sharing it; all other places were sure and can be judged from
// no log. The reward is a click. Doubly robust estimates use the model's own probabilities, and need a logistic link:
// those of a softmax link are of a whole slate. Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "metric/off_policy.h"
#include "model/model.h"

namespace gfr {

// REQUIRES: `data` was built with DatasetOptions::choices, of the model's features. Of draws seen in [from_ms, to_ms).
// kInvalidArgument: the model has no objective, or its forest cannot score the rows.
Result<OffPolicyReport> EvaluateOffPolicy(const Model& model, const Dataset& data, std::int64_t from_ms,
                                          std::int64_t to_ms);

// What it estimates from: one entry for each draw.
struct ModelChoices {
  std::vector<double> reward, logged, target, of_shown, of_target;  // The last two: empty with a softmax link.
  std::vector<std::uint64_t> user;
  LoggedChoices View() const;
};
// REQUIRES and errors as above.
Result<ModelChoices> ChoicesOf(const Model& model, const Dataset& data, std::int64_t from_ms, std::int64_t to_ms);

}  // namespace gfr
