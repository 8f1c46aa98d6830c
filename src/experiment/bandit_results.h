// BanditResult: what the arms of a bandit brought and what its allocation is now: the rewards of matured units by arm,
// from which the next version is computed (bandit.h), and the arms' mean rewards with intervals that hold at all times
// under every allocation that there was.
//
// A unit's probability of each arm is that of the version that its exposure named; units that name none are left out.
//
// Guardrails have the same sequences: an arm is worse when its whole interval lies on the worse side of the control's,
// at alpha shared over all guardrails and arms (Bonferroni: a sequence gives bounds, and no p for Holm). They need
// values in a range: a proportion's, or a ratio's share of the unit's own, is [0, 1]; others are watched up to the cap
// at which they are winsorised, and without one, and of latencies, not at all. Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "experiment/bandit.h"
#include "experiment/metric_fold.h"
#include "stats/interval.h"

namespace gfr {

struct ExperimentDesign;

struct BanditResult {
  struct Arm {
    std::string name;
    double probability = 0;  // Of the newest version.
    ArmRewards rewards;      // Of matured units.
    double low = 0, high = 1;
  };
  // Of one metric and arm: the means' bounds, in the metric's unit.
  struct Guardrail {
    std::size_t metric = 0;  // Into the metrics.
    std::string arm;
    Interval control, treatment;
    bool worse = false;
    std::string why;  // It is not watched; empty: it is.
  };
  BanditConfig config;
  std::vector<Arm> arms;  // As the design has them.
  double unknown = 0;     // Matured units of no version.
  std::vector<Guardrail> guardrails;
};

// REQUIRES: the design is a bandit's, with its versions as periods; `metrics` has the reward's.
BanditResult AnalyzeBandit(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                           const ExperimentUnits& units);

// With the newest versions of the design.
nlohmann::ordered_json BanditJson(const BanditResult& result, const ExperimentDesign& design,
                                  const std::vector<MetricConfig>& metrics);

}  // namespace gfr
