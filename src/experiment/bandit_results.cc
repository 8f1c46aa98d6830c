#include "experiment/bandit_results.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "experiment/results.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kVersionsTold = 48;

// Matured units with a known version, as they came: the order of the sequences. Counts those of none.
std::vector<const ExposedUnit*> MatureUnits(const ExperimentDesign& design, const ExperimentUnits& units,
                                            std::size_t metric, double* unknown) {
  std::vector<const ExposedUnit*> mature;
  for (const ExposedUnit& unit : units.units) {
    if (!unit.metrics[metric].mature) continue;
    if (unit.version == 0 || unit.version > design.periods.size())
      ++*unknown;
    else
      mature.push_back(&unit);
  }
  std::ranges::stable_sort(mature, {}, [](const ExposedUnit* u) { return u->arrival_ms; });
  return mature;
}

// Of each arm's mean of values in [0, 1]. `value`: of a unit.
template <typename Value>
std::vector<ArmValue> ArmValuesOf(const ExperimentDesign& design, const ExperimentUnits& units,
                                  const std::vector<const ExposedUnit*>& mature, double alpha, const Value& value) {
  std::vector<ArmValue> values(design.arms.size(), ArmValue(alpha));
  for (const ExposedUnit* unit : mature) {
    const std::vector<double>& probabilities = design.periods[unit->version - 1].weights;
    const double of_unit = value(*unit);
    for (std::size_t a = 0; a < design.arms.size(); ++a) {
      if (probabilities[a] > 0) values[a].Add(units.arms[unit->arm] == design.arms[a], probabilities[a], of_unit);
    }
  }
  return values;
}

// The top of the metric's range, which begins at 0. 0: it has none, and `why` says so.
double TopOf(const MetricConfig& metric, const MetricCap& cap, std::string* why) {
  if (metric.measure == MetricConfig::Measure::kLatency) {
    *why = "a latency's quantile is no mean";
    return 0;
  }
  if (metric.measure == MetricConfig::Measure::kAny || metric.measure == MetricConfig::Measure::kDegraded) return 1;
  if (std::isfinite(cap.value) && !metric.is_ratio()) return cap.value;
  *why = "its values have no cap; `winsorise` gives them one";
  return 0;
}

void WatchGuardrail(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics, std::size_t m,
                    const ExperimentUnits& units, double alpha, BanditResult* result) {
  const MetricConfig& metric = metrics[m];
  std::string why;
  const double top = TopOf(metric, m < units.caps.size() ? units.caps[m] : MetricCap(), &why);
  std::vector<ArmValue> values;
  if (top > 0) {
    double unknown = 0;
    values = ArmValuesOf(design, units, MatureUnits(design, units, m, &unknown), alpha, [&](const ExposedUnit& unit) {
      const UnitMetric& of = unit.metrics[m];
      const double value = metric.measure == MetricConfig::Measure::kDegraded
                               ? (of.denominator > 0 ? of.value / of.denominator : 0)
                               : of.value / top;
      return std::clamp(value, 0.0, 1.0);
    });
  }
  for (std::size_t a = 1; a < design.arms.size(); ++a) {
    BanditResult::Guardrail guardrail{.metric = m, .arm = design.arms[a], .control = {}, .treatment = {}, .why = why};
    if (top > 0) {
      guardrail.control = {top * values[0].low(), top * values[0].high()};
      guardrail.treatment = {top * values[a].low(), top * values[a].high()};
      guardrail.worse = metric.lower_is_better ? guardrail.treatment.low > guardrail.control.high
                                               : guardrail.treatment.high < guardrail.control.low;
    }
    result->guardrails.push_back(std::move(guardrail));
  }
}

}  // namespace

BanditResult AnalyzeBandit(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                           const ExperimentUnits& units) {
  const auto reward = std::ranges::find(metrics, design.bandit->reward, &MetricConfig::name);
  assert(reward != metrics.end());  // Configuration::Read.
  const auto metric = static_cast<std::size_t>(reward - metrics.begin());
  BanditResult result{.config = *design.bandit, .arms = {}, .guardrails = {}};
  for (std::size_t a = 0; a < design.arms.size(); ++a)
    result.arms.push_back({.name = design.arms[a],
                           .probability = design.periods.empty() ? 0 : design.periods.back().weights[a],
                           .rewards = {},
                           .low = 0,
                           .high = 1});
  const auto reward_of = [&](const ExposedUnit& unit) {
    return std::clamp(unit.metrics[metric].value / result.config.reward_cap, 0.0, 1.0);
  };
  const std::vector<const ExposedUnit*> mature = MatureUnits(design, units, metric, &result.unknown);
  for (const ExposedUnit* unit : mature) {
    const auto arm = std::ranges::find(design.arms, units.arms[unit->arm]);
    if (arm != design.arms.end())
      result.arms[static_cast<std::size_t>(arm - design.arms.begin())].rewards.Add(reward_of(*unit));
  }
  const std::vector<ArmValue> values = ArmValuesOf(design, units, mature, design.alpha, reward_of);
  for (std::size_t a = 0; a < design.arms.size(); ++a)
    result.arms[a].low = values[a].low(), result.arms[a].high = values[a].high();
  const auto is_guardrail = [](const MetricConfig& m) { return m.role == MetricConfig::Role::kGuardrail; };
  const auto pairs =
      static_cast<double>(std::ranges::count_if(metrics, is_guardrail)) * static_cast<double>(design.arms.size() - 1);
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    if (is_guardrail(metrics[m])) WatchGuardrail(design, metrics, m, units, design.alpha / pairs, &result);
  }
  return result;
}

Json BanditJson(const BanditResult& result, const ExperimentDesign& design, const std::vector<MetricConfig>& metrics) {
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
  if (!result.guardrails.empty()) json["guardrails"] = Json::array();
  for (const BanditResult::Guardrail& g : result.guardrails) {
    Json one{{"metric", metrics[g.metric].name}, {"arm", g.arm}};
    if (g.why.empty()) {
      one["control_interval"] = {g.control.low, g.control.high};
      one["interval"] = {g.treatment.low, g.treatment.high};
      one["worse"] = g.worse;
    } else {
      one["not_watched"] = g.why;
    }
    json["guardrails"].push_back(std::move(one));
  }
  const std::size_t all = design.periods.size();
  for (std::size_t v = all > kVersionsTold ? all - kVersionsTold : 0; v < all; ++v)
    json["versions"].push_back({{"version", v + 1},
                                {"from", FormatTime(design.periods[v].from_ms)},
                                {"probabilities", design.periods[v].weights}});
  return json;
}

}  // namespace gfr
