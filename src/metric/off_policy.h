// Off-policy evaluation: what another policy would have earned, from what the logged one showed and what came of it.
//
// With w = target probability / logged probability of what was shown and r its reward (Horvitz and Thompson 1952;
// Swaminathan and Joachims 2015; Dudik, Langford and Li 2011):
//   ipw      mean(w r)                       snipw    sum(w r) / sum(w)
//   clipped  mean(min(w, clip) r), biased    doubly robust  mean(V + w (r - q)), q the model's reward of what was
//                                            shown, V its mean reward under the target
// A row is one choice: of a slate, its probabilities are products over positions (SlateProbability). Intervals: 95 %
// bootstrap over users. An estimate is evidence only when nothing refuses it:
//   - the mean weight, which is 1 in truth, is away from 1 by more than 1.96 of its own standard errors (by user);
//   - the effective sample, (sum w)^2 / sum w^2, is below 100;
//   - the target picks what the log never could (probability on choices whose logged probability is 0).
// Without evidence a gate must say "no evidence: canary only", neither pass nor fail. Thread safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "stats/interval.h"

namespace gfr {

struct LoggedChoices {
  std::span<const double> reward;
  std::span<const double> logged, target;  // Probabilities of what was shown, by the log and by the target.
  std::span<const std::uint64_t> user;
  std::span<const double> never = {};  // The target's probability on what the log could never show; empty: 0.
  std::span<const double> model_of_shown = {}, model_of_target = {};  // q and V; empty: no doubly robust estimate.
};

struct OffPolicyOptions {
  double clip = 10;
  int replicates = 200;
  std::uint64_t seed = 1;
};

struct OffPolicyReport {
  std::uint64_t rows = 0, users = 0;
  Estimate logged;  // The logged policy's own mean reward.
  Estimate ipw, snipw, clipped, doubly_robust;
  Estimate mean_weight;  // Its interval: normal, by user.
  double effective_sample = 0, largest_weight = 0, never_share = 0;
  std::vector<std::string> refusals;  // Why it is no evidence; empty: it is.
  bool evidence() const { return refusals.empty(); }
};

OffPolicyReport EstimateOffPolicy(const LoggedChoices& choices, const OffPolicyOptions& options);

// The probability of a whole slate: the product of its positions' (each given what was placed above; 1 where a position
// is deterministic).
double SlateProbability(std::span<const float> positions);

}  // namespace gfr
