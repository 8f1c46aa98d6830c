// CompareOffPolicy: what a candidate would have earned over its champion, at the places that the server filled by
// chance (evaluate_off_policy.h).
//
// Both are estimated from the same draws, and their difference in the same bootstrap replicates over users: what the
// log has by chance is alike in both. Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <string>

#include "evaluate/evaluate_off_policy.h"

namespace gfr {

struct ComparedOffPolicy {
  std::uint64_t draws = 0;
  double candidate = 0, champion = 0;  // Clicks a draw, self-normalised (snipw).
  double difference = 0;               // Candidate less champion.
  double low = 0, high = 0;            // One-sided 95 % bounds of it, each.
  std::string refusal;                 // Why it is no evidence, of either; empty: it is.
  bool evidence() const { return refusal.empty(); }
};

// REQUIRES, of both models, and errors: as EvaluateOffPolicy.
Result<ComparedOffPolicy> CompareOffPolicy(const Model& candidate, const Model& champion, const Dataset& data,
                                           std::int64_t from_ms, std::int64_t to_ms);

// The same of choices that were made already. REQUIRES: both are of the same draws, in one order.
ComparedOffPolicy CompareChoices(const LoggedChoices& candidate, const LoggedChoices& champion);

}  // namespace gfr
