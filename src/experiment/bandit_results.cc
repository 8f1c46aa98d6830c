#include "experiment/bandit_results.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "experiment/results.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kVersionsTold = 48;

}  // namespace

BanditResult AnalyzeBandit(const ExperimentDesign& design, const ExperimentUnits& units, std::size_t metric) {
  BanditResult result{.config = *design.bandit, .arms = {}, .unknown = 0};
  for (std::size_t a = 0; a < design.arms.size(); ++a)
    result.arms.push_back({.name = design.arms[a],
                           .probability = design.periods.empty() ? 0 : design.periods.back().weights[a],
                           .rewards = {},
                           .low = 0,
                           .high = 1});
  std::vector<const ExposedUnit*> mature;
  for (const ExposedUnit& unit : units.units) {
    if (!unit.metrics[metric].mature) continue;
    if (unit.version == 0 || unit.version > design.periods.size())
      ++result.unknown;
    else
      mature.push_back(&unit);
  }
  // The sequence is over units as they came.
  std::ranges::stable_sort(mature, {}, [](const ExposedUnit* u) { return u->arrival_ms; });
  std::vector<ArmValue> values(design.arms.size(), ArmValue(design.alpha));
  for (const ExposedUnit* unit : mature) {
    const std::vector<double>& probabilities = design.periods[unit->version - 1].weights;
    const double reward = std::clamp(unit->metrics[metric].value / result.config.reward_cap, 0.0, 1.0);
    for (std::size_t a = 0; a < design.arms.size(); ++a) {
      const bool in_arm = units.arms[unit->arm] == design.arms[a];
      if (in_arm) result.arms[a].rewards.Add(reward);
      if (probabilities[a] > 0) values[a].Add(in_arm, probabilities[a], reward);
    }
  }
  for (std::size_t a = 0; a < design.arms.size(); ++a)
    result.arms[a].low = values[a].low(), result.arms[a].high = values[a].high();
  return result;
}

Json BanditJson(const BanditResult& result, const ExperimentDesign& design) {
  const double cap = result.config.reward_cap;
  Json json{
      {"reward", result.config.reward},
      {"reward_cap", cap},
      {"floor", result.config.floor},
      {"version", design.periods.size()},
      {"arms", Json::array()},
      {"versions", Json::array()},
      {"units_without_version", result.unknown},
      {"how",
       "mean: of matured units, in units of the reward cut to [0, reward_cap]; interval: the empirical Bernstein "
       "confidence sequence for off-policy values (Waudby-Smith et al. 2022), which holds at every look under the "
       "allocations of all versions; probability: of new units"}};
  for (const BanditResult::Arm& arm : result.arms)
    json["arms"].push_back({{"name", arm.name},
                            {"probability", arm.probability},
                            {"mature_units", arm.rewards.users},
                            {"mean", JsonNumber(cap * arm.rewards.sum / arm.rewards.users)},
                            {"interval", {cap * arm.low, cap * arm.high}}});
  const std::size_t all = design.periods.size();
  for (std::size_t v = all > kVersionsTold ? all - kVersionsTold : 0; v < all; ++v)
    json["versions"].push_back({{"version", v + 1},
                                {"from", FormatTime(design.periods[v].from_ms)},
                                {"probabilities", design.periods[v].weights}});
  return json;
}

}  // namespace gfr
