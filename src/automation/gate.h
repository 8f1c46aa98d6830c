// Gates: whether a candidate may take the champion's place, from how both did on rows that neither has learnt from.
//
//   evidence    enough rows and positives; else no verdict on the model: it is not promoted
//   log loss    not worse: the one-sided 95 % upper bound of the paired difference is below `margin` of the champion's
//               log loss; better: it is below 0. By `rule`; auto: not worse for a retrain of equal configuration,
//               better for a changed one (an equally good retrain passes "better" on 3 % of nights)
//   calibrated  observed over expected within 1 / (1 + max_miscalibration) to 1 + max_miscalibration, or not shown to
//               be outside (95 %), or nearer to 1 than the champion's
//   off-policy  what it would have earned where the server drew places by chance, is not shown to be worse (95 %,
//               one-sided). Without evidence of that: canary only, or as `without_evidence` says
//   not slower  the time to score the same rows, candidate over champion
// The first objective decides on log loss, since feeds are ordered by it first; each other one must not be worse.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operations/judge_off_policy.h"

namespace gfr {

struct GateRules {
  enum class Rule { kAuto, kNotWorse, kBetter };
  Rule rule = Rule::kAuto;
  double margin = 0.002;            // Of the champion's log loss.
  double max_miscalibration = 0.1;  // 0.1: observed over expected from 1 / 1.1 to 1.1.
  double max_slowdown = 1.5;
  bool needs_off_policy = true;                       // Else a candidate may pass without evidence of it.
  std::uint64_t min_rows = 1000, min_positives = 20;  // Of the objective that decides.
};

struct GateCheck {
  std::string name;  // "log loss of pctr".
  bool passed = false;
  std::string why;
};

struct GateVerdict {
  enum class Decision { kPromote, kRefuse, kNoEvidence, kCanaryOnly };
  Decision decision = Decision::kNoEvidence;
  std::string rule;  // "not_worse" or "better", and in `rule_why` the reason for it.
  std::string rule_why;
  std::vector<GateCheck> checks;
  std::string Summary() const;  // One line: what decided.
};
const char* DecisionName(GateVerdict::Decision decision);

GateVerdict DecideGates(const JudgedWithOffPolicy& judged, const GateRules& rules);
// As `gfr models judge --json` says it (docs/automation.md has the keys).
std::string VerdictJson(const JudgedWithOffPolicy& judged, const GateVerdict& verdict);

}  // namespace gfr
