#include "experiment/portfolio.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace gfr {

Portfolio MakePortfolio(const std::vector<ExperimentResults>& results, const std::vector<MetricConfig>& metrics,
                        const Conclusions& conclusions) {
  Portfolio portfolio;
  const auto first = std::ranges::find(metrics, MetricConfig::Role::kDecision, &MetricConfig::role);
  if (first == metrics.end()) return portfolio;
  portfolio.metric = first->name;
  const auto m = static_cast<std::size_t>(first - metrics.begin());
  std::vector<MeasuredEffect> measured;
  for (const ExperimentResults& result : results) {
    const Conclusion* over = conclusions.Find(result.design.name);
    if (over == nullptr || over->runs_again()) continue;
    for (const MetricResult& r : result.metrics) {
      if (r.metric != m || !std::isfinite(r.relative.value) || !(r.relative.se > 0)) continue;
      measured.push_back({r.relative.value, r.relative.se});
      portfolio.effects.push_back({result.design.name, r.arm, measured.back(), {}});
    }
  }
  if (measured.size() < 2) {
    portfolio.effects.clear();
    return portfolio;
  }
  portfolio.prior = FitEffectPrior(measured);
  for (Portfolio::Effect& effect : portfolio.effects) effect.shrunk = Shrink(effect.measured, portfolio.prior);
  return portfolio;
}

nlohmann::ordered_json PortfolioJson(const Portfolio& portfolio) {
  nlohmann::ordered_json json{{"metric", portfolio.metric},
                              {"prior", {{"mean", portfolio.prior.mean}, {"deviation", portfolio.prior.spread}}},
                              {"effects", nlohmann::ordered_json::array()},
                              {"how",
                               "relative effects of all concluded experiments, shipped or not, as measured and as "
                               "expected (empirical Bayes with a normal prior fitted to them): what looked best is too "
                               "large on average; the holdout says what all of it is worth together"}};
  for (const Portfolio::Effect& e : portfolio.effects)
    json["effects"].push_back({{"experiment", e.experiment},
                               {"arm", e.arm},
                               {"measured", e.measured.value},
                               {"se", e.measured.se},
                               {"expected", e.shrunk.value},
                               {"deviation", e.shrunk.se}});
  return json;
}

}  // namespace gfr
