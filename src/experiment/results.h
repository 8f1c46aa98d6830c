// ExperimentResults: what an experiment's units say now, and what to do: ship, roll back, keep running, or invalid.
//
//   effects     every metric of every arm against the control (the design's first arm), by the watched sequence; CUPED
//               with theta pooled over the arms, post-stratified by the period of allocation of the first exposure and
//               by whether the unit has history
//   sample ratio  over exposed units, against the weights of each period
//   guardrails  one-sided, at Holm's level over all guardrails and arms: one shown to be worse rolls back
//   decision    Holm over the decision set and arms. ship: an arm is better by every metric of the set, every
//   guardrail's
//               lower bound is above -margin, 7 days of enrolment, no sample ratio mismatch. roll back: worse by one.
// No decision uses the sequence before each arm has 150 mature units with a value other than zero; before, proportions
// are judged by which arm each conversion falls in. Not measured: effects through shared state (popularity, item rates,
// stock); a switchback is the design for them. A bandit has the means of its arms in place of effects
// (bandit_results.h), clusters have tests of their own (cluster_results.h); neither is decided here. Thread safety:
// pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiment/analyze_summary.h"
#include "experiment/bandit_results.h"
#include "experiment/metric_fold.h"

namespace gfr {

// From when on new units were allocated with these weights: a ramp's step, or a change of variants' weights.
struct DesignPeriod {
  std::int64_t from_ms = 0;
  std::vector<double> weights;  // Of the design's arms; 0: no new units.
};

struct ExperimentDesign {
  std::string name;
  std::vector<std::string> arms;  // The first is the control.
  std::vector<double> weights;    // Now.
  // In order; empty: one, of `weights`. What is before the first one belongs to it.
  std::vector<DesignPeriod> periods = {};
  // Whether a new period moves units from arm to arm. Then no metric reaches beyond it (MetricFold::Question::cuts).
  bool moves_units = false;
  std::optional<BanditConfig> bandit = {};              // Then `periods` are its versions.
  std::optional<ClusterConfig> clusters = {};           // Then clusters are what was allocated.
  double planned_n = ConfidenceSequence::kDefaultPlan;  // Units of two arms.
  double alpha = 0.05;
};

struct MetricResult {
  std::size_t metric = 0;  // Into the metrics.
  std::string arm;
  ArmEstimate control, treatment;
  Difference absolute, relative;
  TestedDifference tested_absolute, tested_relative;
  double nonzero_control = 0, nonzero_treatment = 0;  // Mature units with a value other than zero.
  double theta = 0, variance_removed = 0;
  MetricCap cap;
  double p = std::numeric_limits<double>::quiet_NaN();            // What the decision uses; NaN: it waits.
  double adjusted_p = std::numeric_limits<double>::quiet_NaN();   // Holm, or Benjamini-Hochberg of exploration.
  std::string test;                                               // Of clusters: how p is made; empty: the sequence.
  bool early = false;                                             // p is that of the early conversions.
  bool better = false;                                            // It points to better.
  double lower_bound = std::numeric_limits<double>::quiet_NaN();  // Of a guardrail's relative effect, better being up.
};

struct ExperimentResults {
  ExperimentDesign design;
  std::vector<double> exposed;  // Units by arm, and of them those that met another arm.
  std::vector<double> other_arm;
  std::int64_t start_ms = 0, now_ms = 0;  // First exposure; as of when.
  double sample_ratio_p = 1;
  std::vector<std::vector<double>> exposed_in;  // Units by period of the design and arm.
  std::vector<MetricResult> metrics;            // None of a bandit.
  // With several variants: all of them against the control (pooled_variants.h), adjusted by Benjamini and Hochberg.
  std::vector<MetricResult> pooled;
  std::optional<BanditResult> bandit;
  std::vector<double> clusters;  // By arm; empty: units were allocated.
  std::vector<std::string> warnings;
  Verdict verdict = Verdict::kKeepRunning;
  std::string reason;
};

// The mature units of one metric, by arm of the design: all that its analysis needs. Samples of parts merge by arm.
struct MetricSample {
  explicit MetricSample(std::size_t arms, std::size_t periods = 1);
  void Add(std::size_t arm, const UnitMetric& unit, bool has_history, double cap, Key person, std::size_t period = 0);
  void Merge(const MetricSample& other);  // REQUIRES: as many arms and periods.

  // By arm: of each period without history, and with it. y, x: value and covariate.
  std::vector<std::vector<PairSums>> strata;
  std::vector<std::vector<PairSums>> ratio;  // By arm and period: numerator and denominator.
  std::vector<double> nonzero;
  std::vector<std::vector<double>> nonzero_in;  // By arm and period.
  std::vector<std::vector<float>> latencies;
  std::vector<std::vector<std::uint64_t>> latency_users;
};

// `exposed`: units by period of the design and arm; a sample for each metric. Effects, sample ratio and decision;
// `start_ms`: first exposure.
ExperimentResults AnalyzeSamples(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                                 const std::vector<MetricSample>& samples,
                                 const std::vector<std::vector<double>>& exposed, std::int64_t start_ms,
                                 std::int64_t now_ms);

// `units` of the experiment; without any, nothing is shown. `surface` not empty: a slice, of units first exposed there.
ExperimentResults AnalyzeExperiment(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                                    const ExperimentUnits& units, std::int64_t now_ms, const std::string& surface = "");

nlohmann::ordered_json ResultsJson(const ExperimentResults& results, const std::vector<MetricConfig>& metrics);

}  // namespace gfr
