#include "experiment/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "stats/early_conversions.h"
#include "stats/multiple_testing.h"
#include "stats/quantile_estimate.h"
#include "stats/sample_ratio.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using MetricMeasure = MetricConfig::Measure;
using Role = MetricConfig::Role;

constexpr std::int64_t kLeastEnrolmentMs = 7 * kDayMs;
constexpr double kManyInTwoArms = 0.01;

MetricSample SampleOf(const ExperimentDesign& design, const ExperimentUnits& units, std::size_t m,
                      const std::vector<std::size_t>& arm_of, const std::string& surface) {
  const std::size_t arms = design.arms.size();
  MetricSample sample(arms);
  for (const ExposedUnit& unit : units.units) {
    const std::size_t arm = arm_of[unit.arm];
    if (arm == arms || !unit.metrics[m].mature || (!surface.empty() && unit.surface != surface)) continue;
    sample.Add(arm, unit.metrics[m], unit.has_history, units.caps[m], unit.person);
  }
  return sample;
}

std::vector<ArmEstimate> EstimatesOf(const MetricConfig& metric, const MetricSample& sample, Cuped* cuped) {
  std::vector<ArmEstimate> estimates;
  if (metric.measure == MetricMeasure::kLatency) {
    for (std::size_t a = 0; a < sample.latencies.size(); ++a)
      estimates.push_back(EstimateQuantileByUser(sample.latencies[a], sample.latency_users[a], metric.quantile));
    return estimates;
  }
  if (metric.is_ratio()) {
    for (const PairSums& sums : sample.ratio) estimates.push_back(EstimateRatio(sums));
    return estimates;
  }
  // Theta of those with history, pooled over arms. In each stratum the covariate counts from the stratum's own mean.
  std::vector<PairSums> with_history;
  for (const auto& strata : sample.strata) with_history.push_back(strata[1]);
  if (metric.before_ms > 0) *cuped = FitCuped(with_history);
  return PostStratify(sample.strata, [&](const PairSums& arm, const PairSums& all) {
    return EstimateCuped(arm, {cuped->theta, all.x.n > 0 ? all.x.mean() : 0, 0});
  });
}

// What the decision may use now.
void SetP(const ExperimentDesign& design, const MetricConfig& metric, std::size_t arm, const MetricSample& sample,
          MetricResult* result) {
  const double sign = metric.lower_is_better ? -1 : 1;
  result->better = sign * result->absolute.value > 0;
  const bool one_sided = metric.role == Role::kGuardrail;
  if (std::min(result->nonzero_control, result->nonzero_treatment) >= ConfidenceSequence::kNonzeroUnits) {
    if (one_sided) {
      // That it is not worse. The sequence at 2 alpha, of which one bound is used.
      const LowerBound bound = TestNonInferiority(
          {result->absolute.n, -sign * result->absolute.value, result->absolute.se}, 0, design.alpha, design.planned_n);
      result->p = bound.p;
    } else {
      result->p = result->tested_absolute.p;
    }
    return;
  }
  if (metric.measure != MetricMeasure::kAny || result->nonzero_control + result->nonzero_treatment == 0) return;
  // Conversions of units that are mature in both arms, against the design's share.
  const double share = design.weights[arm] / (design.weights[0] + design.weights[arm]);
  const Side worse = metric.lower_is_better ? Side::kTreatmentHasMore : Side::kTreatmentHasFewer;
  result->early = true;
  result->p = EarlyConversionsP(sample.nonzero[0], sample.nonzero[arm], share, one_sided ? worse : Side::kBoth);
  result->better = sign * (sample.nonzero[arm] * (1 - share) - sample.nonzero[0] * share) > 0;
}

void AnalyzeMetric(const ExperimentDesign& design, const MetricConfig& metric, std::size_t m,
                   const MetricSample& sample, ExperimentResults* results) {
  Cuped cuped;
  const std::vector<ArmEstimate> estimates = EstimatesOf(metric, sample, &cuped);
  const ConfidenceSequence sequence(design.alpha, design.planned_n);
  for (std::size_t a = 1; a < estimates.size(); ++a) {
    MetricResult r{.metric = m, .arm = design.arms[a], .control = estimates[0], .treatment = estimates[a]};
    r.absolute = AbsoluteDifference(r.control, r.treatment);
    r.relative = RelativeDifference(r.control, r.treatment);
    r.tested_absolute = TestWatched(r.absolute, sequence);
    r.tested_relative = TestWatched(r.relative, sequence);
    r.nonzero_control = sample.nonzero[0], r.nonzero_treatment = sample.nonzero[a];
    r.theta = cuped.theta, r.variance_removed = cuped.variance_removed;
    SetP(design, metric, a, sample, &r);
    if (metric.role == Role::kGuardrail) {
      Difference up = r.relative;
      if (metric.lower_is_better) up.value = -up.value;
      r.lower_bound = TestNonInferiority(up, metric.margin, design.alpha, design.planned_n).low;
    }
    results->metrics.push_back(std::move(r));
  }
}

void AdjustRole(const std::vector<MetricConfig>& metrics, Role role, ExperimentResults* results) {
  std::vector<double> p;
  std::vector<MetricResult*> of;
  for (MetricResult& r : results->metrics) {
    if (metrics[r.metric].role == role) of.push_back(&r), p.push_back(r.p);
  }
  const std::vector<double> adjusted = role == Role::kExploration ? AdjustByBenjaminiHochberg(p) : AdjustByHolm(p);
  for (std::size_t i = 0; i < of.size(); ++i) of[i]->adjusted_p = adjusted[i];
}

std::string Shown(const MetricConfig& metric, const MetricResult& r, const char* word) {
  return fmt::format("arm '{}' is {} by {} ({:+.2f} %, always-valid p = {:.3g} by Holm{})", r.arm, word, metric.name,
                     100 * r.relative.value, r.adjusted_p, r.early ? ", by which arm each conversion falls in" : "");
}

// Why an arm that is better may not ship yet; empty: it may.
std::string KeepsFromShipping(const std::vector<MetricConfig>& metrics, const ExperimentResults& results,
                              const std::string& arm) {
  for (const MetricResult& r : results.metrics) {
    const MetricConfig& metric = metrics[r.metric];
    if (r.arm != arm) continue;
    if (metric.role == Role::kDecision && !(r.adjusted_p < results.design.alpha && r.better))
      return "arm '" + arm + "' is not shown to be better by " + metric.name;
    if (metric.role == Role::kGuardrail &&
        (std::min(r.nonzero_control, r.nonzero_treatment) < ConfidenceSequence::kNonzeroUnits ||
         !(r.lower_bound > -metric.margin)))
      return fmt::format("guardrail {} is not shown to be worse by less than {:g} %", metric.name, 100 * metric.margin);
  }
  if (results.now_ms - results.start_ms < kLeastEnrolmentMs) return "fewer than 7 days of enrolment";
  return "";
}

void DecideExperiment(const std::vector<MetricConfig>& metrics, ExperimentResults* results) {
  const double alpha = results->design.alpha;
  if (results->sample_ratio_p < kSampleRatioAlpha) {
    results->verdict = Verdict::kInvalid;
    results->reason =
        fmt::format("sample ratio mismatch: the exposed units are not in the designed proportions (p = {:.3g})",
                    results->sample_ratio_p);
    return;
  }
  for (const Role role : {Role::kGuardrail, Role::kDecision}) {
    for (const MetricResult& r : results->metrics) {
      const MetricConfig& metric = metrics[r.metric];
      // A guardrail's p is one-sided: it is small only when it is worse.
      if (metric.role != role || !(r.adjusted_p < alpha) || r.better) continue;
      results->verdict = Verdict::kRollBack;
      results->reason = (role == Role::kGuardrail ? "guardrail: " : "") + Shown(metric, r, "worse");
      return;
    }
  }
  std::string waits;
  for (const MetricResult& r : results->metrics) {
    if (metrics[r.metric].role != Role::kDecision || !(r.adjusted_p < alpha && r.better)) continue;
    const std::string why = KeepsFromShipping(metrics, *results, r.arm);
    if (why.empty()) {
      results->verdict = Verdict::kShip;
      results->reason = Shown(metrics[r.metric], r, "better");
      return;
    }
    waits = Shown(metrics[r.metric], r, "better") + ", but " + why;
  }
  if (!waits.empty()) {
    results->reason = waits;
    return;
  }
  for (const MetricResult& r : results->metrics) {
    if (metrics[r.metric].role != Role::kDecision || !std::isnan(r.p)) continue;
    results->reason = fmt::format(
        "{} of {} has {:.0f} and {:.0f} mature units with a value other than zero; {:.0f} are needed",
        metrics[r.metric].name, r.arm, r.nonzero_control, r.nonzero_treatment, ConfidenceSequence::kNonzeroUnits);
    return;
  }
  results->reason = "no metric of the decision set is shown to differ from the control";
}

// Units by arm, those that met another arm, and what is to be warned of.
struct ExposedCounts {
  std::vector<double> exposed, other_arm;
  std::vector<std::string> warnings;
};
ExposedCounts CountExposed(const ExperimentDesign& design, const ExperimentUnits& units,
                           const std::vector<std::size_t>& arm_of, const std::string& surface) {
  const std::size_t arms = design.arms.size();
  ExposedCounts counts{std::vector<double>(arms), std::vector<double>(arms), {}};
  double unknown = 0;
  for (const ExposedUnit& unit : units.units) {
    if (!surface.empty() && unit.surface != surface) continue;
    const std::size_t arm = arm_of[unit.arm];
    if (arm == arms) {
      ++unknown;
      continue;
    }
    ++counts.exposed[arm];
    counts.other_arm[arm] += unit.other_arm;
  }
  if (unknown > 0)
    counts.warnings.push_back(fmt::format("{:.0f} units are in arms that are not configured, and left out", unknown));
  for (std::size_t a = 0; a < arms; ++a) {
    if (counts.other_arm[a] > kManyInTwoArms * counts.exposed[a])
      counts.warnings.push_back(fmt::format("{:.1f} % of the units of arm '{}' met another arm too; they stay in it",
                                            100 * counts.other_arm[a] / counts.exposed[a], design.arms[a]));
  }
  return counts;
}

Json FiniteJson(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json BoundsJson(const Interval& i) {
  return std::isfinite(i.low) && std::isfinite(i.high) ? Json::array({i.low, i.high}) : Json(nullptr);
}
const char* NameOfRole(Role role) {
  return role == Role::kDecision ? "decision" : role == Role::kGuardrail ? "guardrail" : "exploration";
}

}  // namespace

MetricSample::MetricSample(std::size_t arms)
    : strata(arms, std::vector<PairSums>(2)), ratio(arms), nonzero(arms), latencies(arms), latency_users(arms) {}

void MetricSample::Add(std::size_t arm, const UnitMetric& unit, bool has_history, double cap, Key person) {
  const double value = std::min(unit.value, cap);
  strata[arm][has_history ? 1 : 0].Add(value, std::min(unit.before, cap));
  ratio[arm].Add(value, unit.denominator);
  nonzero[arm] += unit.latencies.empty() ? value != 0 : 1;
  latencies[arm].insert(latencies[arm].end(), unit.latencies.begin(), unit.latencies.end());
  latency_users[arm].insert(latency_users[arm].end(), unit.latencies.size(), person);
}

ExperimentResults AnalyzeSamples(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                                 const std::vector<MetricSample>& samples, std::vector<double> exposed,
                                 std::int64_t start_ms, std::int64_t now_ms) {
  ExperimentResults results{.design = design, .start_ms = start_ms, .now_ms = now_ms};
  results.exposed = std::move(exposed);
  results.other_arm.assign(design.arms.size(), 0);
  results.sample_ratio_p = SequentialSampleRatioP(results.exposed, design.weights);
  for (std::size_t m = 0; m < samples.size(); ++m) AnalyzeMetric(design, metrics[m], m, samples[m], &results);
  for (const Role role : {Role::kDecision, Role::kGuardrail, Role::kExploration}) AdjustRole(metrics, role, &results);
  DecideExperiment(metrics, &results);
  return results;
}

ExperimentResults AnalyzeExperiment(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                                    const ExperimentUnits& units, std::int64_t now_ms, const std::string& surface) {
  std::vector<std::size_t> arm_of;  // From the units' arms to the design's; its size: none.
  for (const std::string& arm : units.arms)
    arm_of.push_back(static_cast<std::size_t>(std::ranges::find(design.arms, arm) - design.arms.begin()));
  ExposedCounts counts = CountExposed(design, units, arm_of, surface);
  std::vector<MetricSample> samples;
  for (std::size_t m = 0; m < metrics.size() && !units.units.empty(); ++m)
    samples.push_back(SampleOf(design, units, m, arm_of, surface));
  ExperimentResults results =
      AnalyzeSamples(design, metrics, samples, std::move(counts.exposed), units.start_ms, now_ms);
  results.other_arm = std::move(counts.other_arm);
  results.warnings = std::move(counts.warnings);
  return results;
}

Json ResultsJson(const ExperimentResults& results, const std::vector<MetricConfig>& metrics) {
  Json json{
      {"experiment", results.design.name},
      {"decision", NameOf(results.verdict)},
      {"reason", results.reason},
      {"start", results.exposed.empty() || results.start_ms == 0 ? Json(nullptr) : Json(FormatTime(results.start_ms))},
      {"as_of", FormatTime(results.now_ms)},
      {"planned_units", results.design.planned_n},
      {"alpha", results.design.alpha}};
  json["srm"] = {
      {"p", results.sample_ratio_p},
      {"flagged", results.sample_ratio_p < kSampleRatioAlpha},
      {"how", "sequential Dirichlet-multinomial test of exposed units against the weights, 1,000 pseudo-counts"}};
  json["arms"] = Json::array();
  for (std::size_t a = 0; a < results.design.arms.size(); ++a)
    json["arms"].push_back({{"name", results.design.arms[a]},
                            {"weight", results.design.weights[a]},
                            {"exposed", results.exposed[a]},
                            {"met_another_arm", results.other_arm[a]}});
  json["metrics"] = Json::array();
  for (const MetricResult& r : results.metrics) {
    const MetricConfig& metric = metrics[r.metric];
    Json one{{"metric", metric.name},
             {"role", NameOfRole(metric.role)},
             {"arm", r.arm},
             {"units", {r.control.n, r.treatment.n}},
             {"nonzero_units", {r.nonzero_control, r.nonzero_treatment}},
             {"control", FiniteJson(r.control.value)},
             {"treatment", FiniteJson(r.treatment.value)},
             {"absolute", FiniteJson(r.absolute.value)},
             {"se_absolute", FiniteJson(r.absolute.se)},
             {"interval_absolute", BoundsJson(r.tested_absolute.interval)},
             {"relative", FiniteJson(r.relative.value)},
             {"se_relative", FiniteJson(r.relative.se)},
             {"interval_relative", BoundsJson(r.tested_relative.interval)},
             {"p", FiniteJson(r.p)},
             {"adjusted_p", FiniteJson(r.adjusted_p)},
             {"early", r.early},
             {"theta", r.theta},
             {"variance_removed", r.variance_removed},
             {"how", metric.Explain()}};
    if (metric.role == Role::kGuardrail) one["lower_bound"] = FiniteJson(r.lower_bound), one["margin"] = metric.margin;
    json["metrics"].push_back(std::move(one));
  }
  json["how"] = {
      "intervals: asymptotic confidence sequence (Waudby-Smith et al. 2021) tuned to planned_units; they hold at every "
      "look",
      "p: always valid; adjusted_p: Holm over the decision set, Holm over the guardrails (one-sided), "
      "Benjamini-Hochberg over "
      "the rest",
      "no decision before each arm has 150 mature units with a value other than zero; before, proportions by which arm "
      "each "
      "conversion falls in",
      "effects through shared state (popularity, item rates, stock) are not measured; a switchback is the design for "
      "them"};
  json["warnings"] = results.warnings;
  return json;
}

}  // namespace gfr
