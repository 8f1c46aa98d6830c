// Portfolio: the effects of all experiments that are concluded, shipped or not, against the winner's curse
// (stats/shrinkage.h): the effect of one that looked best is too large on average.
//
// Of each experiment and treatment it takes the relative effect on the first metric of the decision set. The prior is
// fitted to them, and every effect has its posterior beside it. Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "experiment/conclusions.h"
#include "experiment/results.h"
#include "stats/shrinkage.h"

namespace gfr {

struct Portfolio {
  struct Effect {
    std::string experiment, arm;
    MeasuredEffect measured, shrunk;
  };
  std::string metric;
  EffectPrior prior;
  std::vector<Effect> effects;  // None where fewer than two are known: there is nothing to fit a prior to.
};

Portfolio MakePortfolio(const std::vector<ExperimentResults>& results, const std::vector<MetricConfig>& metrics,
                        const Conclusions& conclusions);
nlohmann::ordered_json PortfolioJson(const Portfolio& portfolio);

}  // namespace gfr
