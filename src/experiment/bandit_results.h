// BanditResult: what the arms of a bandit brought and what its allocation is now: the rewards of matured units by arm,
// from which the next version is computed (bandit.h), and the arms' mean rewards with intervals that hold at all times
// under every allocation that there was.
//
// A unit's probability of each arm is that of the version that its exposure named; units that name none are left out.
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "experiment/bandit.h"
#include "experiment/metric_fold.h"

namespace gfr {

struct ExperimentDesign;

struct BanditResult {
  struct Arm {
    std::string name;
    double probability = 0;  // Of the newest version.
    ArmRewards rewards;      // Of matured units.
    double low = 0, high = 1;
  };
  BanditConfig config;
  std::vector<Arm> arms;  // As the design has them.
  double unknown = 0;     // Matured units of no version.
};

// `metric`: of the reward. REQUIRES: the design is a bandit's, with its versions as periods.
BanditResult AnalyzeBandit(const ExperimentDesign& design, const ExperimentUnits& units, std::size_t metric);

// With the newest versions of the design.
nlohmann::ordered_json BanditJson(const BanditResult& result, const ExperimentDesign& design);

}  // namespace gfr
