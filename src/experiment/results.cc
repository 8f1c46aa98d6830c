#include "experiment/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/json_number.h"
#include "experiment/cluster_results.h"
#include "experiment/pooled_variants.h"
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

std::size_t PeriodsOf(const ExperimentDesign& design) { return std::max<std::size_t>(design.periods.size(), 1); }

// Of a unit that was first exposed then.
std::size_t PeriodAt(const ExperimentDesign& design, std::int64_t arrival_ms) {
  const auto behind = std::ranges::upper_bound(design.periods, arrival_ms, {}, &DesignPeriod::from_ms);
  const std::ptrdiff_t begun = behind - design.periods.begin();
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(begun - 1, 0));
}

std::size_t PeriodOf(const ExperimentDesign& design, const ExposedUnit& unit) {
  if (design.bandit && unit.version > 0 && unit.version <= design.periods.size()) return unit.version - 1;
  return PeriodAt(design, unit.arrival_ms);
}

const std::vector<double>& WeightsIn(const ExperimentDesign& design, std::size_t period) {
  return design.periods.empty() ? design.weights : design.periods[period].weights;
}

bool HaveEqualShares(const std::vector<double>& a, const std::vector<double>& b) {
  const double all_a = std::accumulate(a.begin(), a.end(), 0.0), all_b = std::accumulate(b.begin(), b.end(), 0.0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::fabs(a[i] / all_a - b[i] / all_b) > 1e-9) return false;
  }
  return true;
}

// Whether new units could come into every arm then: others have nobody to be compared with.
bool AllArmsGrow(const ExperimentDesign& design, std::size_t period) {
  return std::ranges::all_of(WeightsIn(design, period), [](double weight) { return weight > 0; });
}

// One test over the periods: each run of periods with equal shares gives evidence of its own, and these multiply.
double SampleRatioP(const ExperimentDesign& design, const std::vector<std::vector<double>>& exposed) {
  double log_p = 0;
  for (std::size_t p = 0; p < exposed.size();) {
    std::vector<double> counts, weights;
    std::size_t end = p;
    while (end < exposed.size() && HaveEqualShares(WeightsIn(design, p), WeightsIn(design, end))) ++end;
    for (std::size_t a = 0; a < design.arms.size(); ++a) {
      if (WeightsIn(design, p)[a] <= 0) continue;  // Latecomers of an arm that is over.
      weights.push_back(WeightsIn(design, p)[a]);
      counts.push_back(0);
      for (std::size_t k = p; k < end; ++k) counts.back() += exposed[k][a];
    }
    if (weights.size() > 1) log_p -= SequentialSampleRatioEvidence(counts, weights);
    p = end;
  }
  return std::min(1.0, std::exp(log_p));
}

MetricSample SampleOf(const ExperimentDesign& design, const ExperimentUnits& units, std::size_t m,
                      const std::vector<std::size_t>& arm_of, const std::string& surface) {
  const std::size_t arms = design.arms.size();
  MetricSample sample(arms, PeriodsOf(design));
  for (const ExposedUnit& unit : units.units) {
    const std::size_t arm = arm_of[unit.arm];
    const std::size_t period = PeriodOf(design, unit);
    if (arm == arms || !unit.metrics[m].mature || (!surface.empty() && unit.surface != surface)) continue;
    if (!AllArmsGrow(design, period)) continue;
    sample.Add(arm, unit.metrics[m], unit.has_history, units.caps[m].value, unit.person, period);
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
    return PostStratify(sample.ratio, [](const PairSums& arm, const PairSums&) { return EstimateRatio(arm); });
  }
  // Theta of those with history, pooled over arms. In each stratum the covariate counts from the stratum's own mean.
  std::vector<PairSums> with_history(sample.strata.size());
  for (std::size_t a = 0; a < sample.strata.size(); ++a) {
    for (std::size_t s = 1; s < sample.strata[a].size(); s += 2) with_history[a].Merge(sample.strata[a][s]);
  }
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
  // Conversions of units that are mature in both arms, against the design's share: of all periods with the last one's.
  const std::size_t last = PeriodsOf(design) - 1;
  const std::vector<double>& weights = WeightsIn(design, last);
  if (!(weights[0] > 0 && weights[arm] > 0)) return;
  const double share = weights[arm] / (weights[0] + weights[arm]);
  double control = 0, treatment = 0;
  for (std::size_t p = 0; p <= last; ++p) {
    if (!HaveEqualShares(WeightsIn(design, p), weights)) continue;
    control += sample.nonzero_in[0][p], treatment += sample.nonzero_in[arm][p];
  }
  const Side worse = metric.lower_is_better ? Side::kTreatmentHasMore : Side::kTreatmentHasFewer;
  result->early = true;
  result->p = EarlyConversionsP(control, treatment, share, one_sided ? worse : Side::kBoth);
  result->better = sign * (treatment * (1 - share) - control * share) > 0;
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
  const bool has_decision =
      std::ranges::any_of(metrics, [](const MetricConfig& m) { return m.role == Role::kDecision; });
  if (std::accumulate(results->exposed.begin(), results->exposed.end(), 0.0) == 0)
    results->reason = "no unit was exposed yet";
  else if (!has_decision)
    results->reason = "no [[metric]] has the role decision, so that nothing ships";
  else
    results->reason = "no metric of the decision set is shown to differ from the control";
}

void AnalyzePooled(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                   const std::vector<MetricSample>& samples, ExperimentResults* results) {
  if (design.arms.size() < 3 || design.bandit) return;
  ExperimentResults pooled{.design = PoolVariants(design)};
  for (std::size_t m = 0; m < samples.size(); ++m)
    AnalyzeMetric(pooled.design, metrics[m], m, PoolVariants(samples[m]), &pooled);
  std::vector<double> p;
  for (const MetricResult& r : pooled.metrics) p.push_back(r.p);
  const std::vector<double> adjusted = AdjustByBenjaminiHochberg(p);
  for (std::size_t i = 0; i < adjusted.size(); ++i) pooled.metrics[i].adjusted_p = adjusted[i];
  results->pooled = std::move(pooled.metrics);
}

// Units by arm, those that met another arm, and what is to be warned of.
struct ExposedCounts {
  std::vector<std::vector<double>> exposed;  // By period.
  std::vector<double> other_arm;
  std::vector<std::string> warnings;
};
ExposedCounts CountExposed(const ExperimentDesign& design, const ExperimentUnits& units,
                           const std::vector<std::size_t>& arm_of, const std::string& surface) {
  const std::size_t arms = design.arms.size();
  ExposedCounts counts{{PeriodsOf(design), std::vector<double>(arms)}, std::vector<double>(arms), {}};
  double unknown = 0, alone = 0;
  std::vector<double> all(arms);
  for (const ExposedUnit& unit : units.units) {
    if (!surface.empty() && unit.surface != surface) continue;
    const std::size_t arm = arm_of[unit.arm];
    if (arm == arms) {
      ++unknown;
      continue;
    }
    ++counts.exposed[PeriodOf(design, unit)][arm];
    ++all[arm];
    alone += !design.bandit && !AllArmsGrow(design, PeriodOf(design, unit));
    counts.other_arm[arm] += unit.other_arm;
  }
  if (unknown > 0)
    counts.warnings.push_back(fmt::format("{:.0f} units are in arms that are not configured, and left out", unknown));
  if (alone > 0)
    counts.warnings.push_back(
        fmt::format("{:.0f} units came while an arm had no share of the units; effects leave them out", alone));
  for (std::size_t a = 0; a < arms; ++a) {
    // Where new weights move units, their metrics end before.
    if (counts.other_arm[a] > kManyInTwoArms * all[a] && !design.moves_units)
      counts.warnings.push_back(fmt::format("{:.1f} % of the units of arm '{}' met another arm too; they stay in it",
                                            100 * counts.other_arm[a] / all[a], design.arms[a]));
  }
  return counts;
}

// Of a bandit, or of clusters.
ExperimentResults AnalyzeOtherDesign(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                                     const ExperimentUnits& units, const std::vector<std::size_t>& arm_of,
                                     ExposedCounts counts, std::int64_t now_ms) {
  ExperimentResults results = AnalyzeSamples(design, metrics, {}, counts.exposed, units.start_ms, now_ms);
  results.other_arm = std::move(counts.other_arm);
  results.warnings = std::move(counts.warnings);
  if (design.bandit) {
    results.bandit = AnalyzeBandit(design, metrics, units);
    results.reason = "a bandit allocates new units by what earlier ones brought; it ends when a person ends it";
    for (const BanditResult::Guardrail& g : results.bandit->guardrails) {
      if (!g.worse) continue;
      results.verdict = Verdict::kRollBack;
      results.reason = fmt::format(
          "guardrail: arm '{}' is worse by {}: its mean lies within [{:.4g}, {:.4g}], the control's within [{:.4g}, "
          "{:.4g}]",
          g.arm, metrics[g.metric].name, g.treatment.low, g.treatment.high, g.control.low, g.control.high);
      break;
    }
  } else {
    ClusterResults of = AnalyzeClusters(design, metrics, units, arm_of);
    results.metrics = std::move(of.metrics);
    for (MetricResult& r : results.metrics) r.cap = units.caps.empty() ? MetricCap() : units.caps[r.metric];
    results.clusters = std::move(of.clusters);
    for (const Role role : {Role::kDecision, Role::kGuardrail, Role::kExploration}) AdjustRole(metrics, role, &results);
    results.sample_ratio_p = SequentialSampleRatioP(results.clusters, design.weights);
    results.verdict = Verdict::kKeepRunning;
    results.reason = "clusters are judged at one look, set before the start; a person decides by its p";
  }
  if (results.sample_ratio_p < kSampleRatioAlpha) {
    results.verdict = Verdict::kInvalid;
    results.reason =
        fmt::format("sample ratio mismatch: what was allocated is not in the designed proportions (p = {:.3g})",
                    results.sample_ratio_p);
  }
  return results;
}

Json BoundsJson(const Interval& i) {
  return std::isfinite(i.low) && std::isfinite(i.high) ? Json::array({i.low, i.high}) : Json(nullptr);
}
std::string CapText(const MetricConfig& metric, const MetricCap& cap) {
  if (metric.winsorise <= 0) return "";
  if (std::isfinite(cap.value))
    return fmt::format(
        "; values are cut at {:.6g}, the {:g} quantile of {:.0f} people in as long a window before the start",
        cap.value, metric.winsorise, cap.people);
  const double needed = std::ceil(ExperimentUnits::kLeastAboveCap / (1 - metric.winsorise) - 1e-6);
  return cap.people < needed
             ? fmt::format(
                   "; values are not cut: their {:g} quantile takes {:.0f} people who were known "
                   "before the start, and there were {:.0f}",
                   metric.winsorise, needed, cap.people)
             : fmt::format("; values are not cut: their {:g} quantile before the start is 0", metric.winsorise);
}
Json PeriodsJson(const ExperimentResults& results) {
  Json periods = Json::array();
  for (std::size_t p = 0; p < results.design.periods.size(); ++p) {
    const DesignPeriod& period = results.design.periods[p];
    periods.push_back(
        {{"from", FormatTime(period.from_ms)}, {"weights", period.weights}, {"exposed", results.exposed_in[p]}});
  }
  return periods;
}
const char* NameOfRole(Role role) {
  return role == Role::kDecision ? "decision" : role == Role::kGuardrail ? "guardrail" : "exploration";
}

Json MetricJson(const MetricResult& r, const std::vector<MetricConfig>& metrics) {
  const MetricConfig& metric = metrics[r.metric];
  Json one{{"metric", metric.name},
           {"role", NameOfRole(metric.role)},
           {"arm", r.arm},
           {"units", {r.control.n, r.treatment.n}},
           {"nonzero_units", {r.nonzero_control, r.nonzero_treatment}},
           {"control", JsonNumber(r.control.value)},
           {"treatment", JsonNumber(r.treatment.value)},
           {"absolute", JsonNumber(r.absolute.value)},
           {"se_absolute", JsonNumber(r.absolute.se)},
           {"interval_absolute", BoundsJson(r.tested_absolute.interval)},
           {"relative", JsonNumber(r.relative.value)},
           {"se_relative", JsonNumber(r.relative.se)},
           {"interval_relative", BoundsJson(r.tested_relative.interval)},
           {"p", JsonNumber(r.p)},
           {"adjusted_p", JsonNumber(r.adjusted_p)},
           {"early", r.early},
           {"theta", r.theta},
           {"variance_removed", r.variance_removed},
           {"cap", JsonNumber(r.cap.value)},
           {"how", metric.Explain() + CapText(metric, r.cap)}};
  if (metric.role == Role::kGuardrail) one["lower_bound"] = JsonNumber(r.lower_bound), one["margin"] = metric.margin;
  if (!r.test.empty()) one["test"] = r.test;
  return one;
}

}  // namespace

MetricSample::MetricSample(std::size_t arms, std::size_t periods)
    : strata(arms, std::vector<PairSums>(2 * periods)),
      ratio(arms, std::vector<PairSums>(periods)),
      nonzero(arms),
      nonzero_in(arms, std::vector<double>(periods)),
      latencies(arms),
      latency_users(arms) {}

void MetricSample::Add(std::size_t arm, const UnitMetric& unit, bool has_history, double cap, Key person,
                       std::size_t period) {
  const double value = std::min(unit.value, cap);
  strata[arm][2 * period + (has_history ? 1 : 0)].Add(value, std::min(unit.before, cap));
  ratio[arm][period].Add(value, unit.denominator);
  const bool counts = unit.latencies.empty() ? value != 0 : true;
  nonzero[arm] += counts, nonzero_in[arm][period] += counts;
  latencies[arm].insert(latencies[arm].end(), unit.latencies.begin(), unit.latencies.end());
  latency_users[arm].insert(latency_users[arm].end(), unit.latencies.size(), person);
}

void MetricSample::Merge(const MetricSample& other) {
  for (std::size_t a = 0; a < strata.size(); ++a) {
    for (std::size_t s = 0; s < strata[a].size(); ++s) strata[a][s].Merge(other.strata[a][s]);
    for (std::size_t p = 0; p < ratio[a].size(); ++p) {
      ratio[a][p].Merge(other.ratio[a][p]);
      nonzero_in[a][p] += other.nonzero_in[a][p];
    }
    nonzero[a] += other.nonzero[a];
    latencies[a].insert(latencies[a].end(), other.latencies[a].begin(), other.latencies[a].end());
    latency_users[a].insert(latency_users[a].end(), other.latency_users[a].begin(), other.latency_users[a].end());
  }
}

ExperimentResults AnalyzeSamples(const ExperimentDesign& design, const std::vector<MetricConfig>& metrics,
                                 const std::vector<MetricSample>& samples,
                                 const std::vector<std::vector<double>>& exposed, std::int64_t start_ms,
                                 std::int64_t now_ms) {
  ExperimentResults results{.design = design, .start_ms = start_ms, .now_ms = now_ms};
  results.exposed.assign(design.arms.size(), 0);
  for (const std::vector<double>& counts : exposed) {
    for (std::size_t a = 0; a < counts.size(); ++a) results.exposed[a] += counts[a];
  }
  results.exposed_in = exposed;
  results.other_arm.assign(design.arms.size(), 0);
  results.sample_ratio_p = SampleRatioP(design, exposed);
  for (std::size_t m = 0; m < samples.size(); ++m) AnalyzeMetric(design, metrics[m], m, samples[m], &results);
  AnalyzePooled(design, metrics, samples, &results);
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
  if (design.bandit || design.clusters)
    return AnalyzeOtherDesign(design, metrics, units, arm_of, std::move(counts), now_ms);
  std::vector<MetricSample> samples;
  for (std::size_t m = 0; m < metrics.size() && !units.units.empty(); ++m)
    samples.push_back(SampleOf(design, units, m, arm_of, surface));
  ExperimentResults results = AnalyzeSamples(design, metrics, samples, counts.exposed, units.start_ms, now_ms);
  for (MetricResult& r : results.metrics) r.cap = units.caps[r.metric];
  for (MetricResult& r : results.pooled) r.cap = units.caps[r.metric];
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
      {"how",
       "sequential Dirichlet-multinomial test of exposed units against the weights, 1,000 pseudo-counts; periods with "
       "other weights give evidence of their own"}};
  json["arms"] = Json::array();
  for (std::size_t a = 0; a < results.design.arms.size(); ++a)
    json["arms"].push_back({{"name", results.design.arms[a]},
                            {"weight", results.design.weights[a]},
                            {"exposed", results.exposed[a]},
                            {"met_another_arm", results.other_arm[a]}});
  if (results.design.periods.size() > 1 && !results.bandit) json["periods"] = PeriodsJson(results);
  json["metrics"] = Json::array();
  for (const MetricResult& r : results.metrics) json["metrics"].push_back(MetricJson(r, metrics));
  if (!results.pooled.empty()) {
    json["pooled"] = Json::array();
    for (const MetricResult& r : results.pooled) json["pooled"].push_back(MetricJson(r, metrics));
  }
  if (results.bandit) json["bandit"] = BanditJson(*results.bandit, results.design, metrics);
  if (!results.clusters.empty()) json["clusters"] = results.clusters;
  json["how"] = {
      "intervals: asymptotic confidence sequence (Waudby-Smith et al. 2021) tuned to planned_units; they hold at every "
      "look",
      "p: always valid; adjusted_p: Holm over the decision set, Holm over the guardrails (one-sided), "
      "Benjamini-Hochberg over "
      "the rest",
      "no decision before each arm has 150 mature units with a value other than zero; before, proportions by which arm "
      "each "
      "conversion falls in",
      "units are compared within the period of allocation of their first exposure, and by whether they have history; "
      "the "
      "strata are weighted by their units",
      "effects through shared state (popularity, item rates, stock) are not measured; a switchback is the design for "
      "them"};
  json["warnings"] = results.warnings;
  return json;
}

}  // namespace gfr
