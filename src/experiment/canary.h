// Canary: a candidate model that a growing share of the units is ranked with, beside as large a share with the
// champion, until it is promoted or a guardrail ends it (automation's `canary` step).
//
// It is an experiment of two arms, "champion" and "candidate": sticky, exposed and compared as every other. A ramp
// never moves a unit: both arms grow from the units that are in neither. One is there at a time; it is kept as one JSON
// document (serve/allocations.h says where). Thread safety: plain values; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "experiment/experiments.h"
#include "experiment/metric_config.h"

namespace gfr {

struct ExperimentResults;

struct Canary {
  static constexpr const char* kChampionArm = "champion";
  static constexpr const char* kCandidateArm = "candidate";

  std::string run;                               // Of the trigger's run that it is a step of.
  std::string version, champion;                 // The candidate, and what it is compared with.
  std::vector<double> ramp;                      // Shares of the units that get the candidate, rising, up to a half.
  std::size_t step = 0;                          // Into `ramp`.
  std::int64_t begun_ms = 0, step_begun_ms = 0;  // Time of day.
  // "passed", "rolled back" or "ended", and why; empty: it runs. What is over stays until the next one, so that a run
  // that a kill cut finds how it ended.
  std::string verdict, reason;
  bool over() const { return !verdict.empty(); }
  bool operator==(const Canary&) const = default;

  std::string name() const { return "canary." + run; }  // Of its experiment, and its salt.
  Experiment AsExperiment() const;

  std::string ToJson() const;
  // kCorrupt: not what ToJson gave.
  static Result<Canary> FromJson(std::string_view text);
};

// kInvalidArgument: a running experiment, or production variants, choose the model of a feed: a canary beside them
// would compare mixtures.
Status CheckCanary(const Canary& canary, const Experiments& experiments);

// What a canary is judged by, over `window_ms` from a unit's exposure: the share of units with a click, clicks per
// impression and degraded feeds, which are guardrails, and how long feeds take. `lateness_ms`: until a unit's window
// counts as whole.
std::vector<MetricConfig> CanaryMetrics(std::int64_t window_ms, std::int64_t lateness_ms);

// Why a canary with these results is to end; empty: it goes on. A guardrail is crossed, its units are not in the
// designed proportions, or its feeds are shown to take kMostSlower longer than the champion's: a little slower is the
// gates' matter, and no reason to end what users like as much.
std::string WhyCanaryEnds(const ExperimentResults& results, const std::vector<MetricConfig>& metrics);
inline constexpr double kMostSlower = 0.25;

}  // namespace gfr
