// How often the other methods of experiments decide falsely, and how often their intervals hold the truth: quantiles,
// clusters, switchbacks, non-inferiority, pooled variants, and several metrics by Holm and by Benjamini and Hochberg.
// Invented samples, as many runs of each. It ends with 1 where a binomial 95 % interval says that a stated level is
// missed.
//
// usage: experiment_methods [--tiny] [runs] [seed]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/cpu_time.h"
#include "base/rng.h"
#include "experiment/results.h"
#include "stats/clusters.h"
#include "stats/descriptive.h"
#include "stats/multiple_testing.h"
#include "stats/quantile_estimate.h"

namespace gfr {
namespace {

constexpr double kAlpha = 0.05;
constexpr int kLooks = 20;

// Run k of a method, whose own runs begin at `first`. Seeds are far enough apart that no two share a run.
std::uint64_t SeedOf(std::uint64_t seed, int k, std::uint64_t first) {
  return seed * 1'000'003 + first + static_cast<std::uint64_t>(k);
}

bool Holds(const Interval& interval, double truth) { return truth >= interval.low && truth <= interval.high; }

// Counts of runs, and what they are held to.
struct Tally {
  std::string name;
  double runs = 0, falsely = 0, covered = 0;
  double coverage_runs = 0;
};
// False: a level is missed.
bool Print(const Tally& t, double level = kAlpha) {
  const Estimate decided = Share(t.falsely, t.runs), held = Share(t.covered, t.coverage_runs);
  const bool missed = decided.interval.low > level || (t.coverage_runs > 0 && held.interval.high < 1 - kAlpha);
  fmt::print("{:<58}{:>6.2f} % [{:.2f}, {:.2f}]", t.name, 100 * decided.value, 100 * decided.interval.low,
             100 * decided.interval.high);
  if (t.coverage_runs > 0)
    fmt::print("   {:>6.2f} % [{:.2f}, {:.2f}]", 100 * held.value, 100 * held.interval.low, 100 * held.interval.high);
  fmt::print("{}\n", missed ? "   MISSED" : "");
  return !missed;
}

// Latencies of users who make several requests each, which go together.
struct Latencies {
  std::vector<float> values;
  std::vector<std::uint64_t> users;
  void Add(Rng* rng, int more_users, double times) {
    for (int u = 0; u < more_users; ++u) {
      const double own = 0.5 * rng->Normal();
      ++count;
      for (std::uint64_t r = 1 + rng->Poisson(3); r > 0; --r) {
        values.push_back(static_cast<float>(times * std::exp(own + 0.5 * rng->Normal())));
        users.push_back(count);
      }
    }
  }
  std::uint64_t count = 0;
};

bool MeasureQuantiles(int runs, std::uint64_t seed) {
  Tally fixed{"95 % quantile of latencies, clustered by user, one look"},
      watched{"the same, watched at 20 looks, sequences for the interval"};
  const double truth = 0.1 * std::exp(1.6448536269514722 * std::sqrt(0.5));  // A tenth more than the control's.
  const ConfidenceSequence sequence(kAlpha, 2000);
  for (int k = 0; k < runs; ++k) {
    Rng rng(SeedOf(seed, k, 1));
    Latencies arms[3];  // Control, one that is equal, one that is slower.
    bool decided = false, held = true;
    for (int look = 1; look <= kLooks; ++look) {
      arms[0].Add(&rng, 50, 1), arms[1].Add(&rng, 50, 1), arms[2].Add(&rng, 50, 1.1);
      const auto of = [&](int a) { return EstimateQuantileByUser(arms[a].values, arms[a].users, 0.95); };
      const ArmEstimate control = of(0);
      const Difference equal = AbsoluteDifference(control, of(1)), slower = AbsoluteDifference(control, of(2));
      if (look >= 3) {  // 150 users in each arm.
        decided |= TestWatched(equal, sequence).p < kAlpha;
        held &= Holds(TestWatched(slower, sequence).interval, truth);
      }
      if (look < kLooks) continue;
      fixed.falsely += TestAtFixedHorizon(equal, kAlpha).p < kAlpha;
      fixed.covered += Holds(TestAtFixedHorizon(slower, kAlpha).interval, truth);
    }
    watched.falsely += decided;
    watched.covered += held;
  }
  fixed.runs = fixed.coverage_runs = watched.runs = watched.coverage_runs = runs;
  return Print(fixed) & Print(watched);
}

bool MeasureClusters(int runs, std::uint64_t seed, int clusters) {
  Tally tally{fmt::format("{} clusters, a mean whose units go together", clusters)};
  constexpr double kEffect = 0.5;
  for (int k = 0; k < runs; ++k) {
    Rng rng(SeedOf(seed, k, 77));
    std::vector<Cluster> equal, moved;
    for (int c = 0; c < clusters; ++c) {
      const bool treatment = c % 2 == 1;
      const double own = rng.Normal();
      Cluster cluster{.treatment = treatment};
      cluster.count = 5 + static_cast<double>(rng.Poisson(15));
      cluster.sum = cluster.count * (10 + own) + 2 * std::sqrt(cluster.count) * rng.Normal();
      equal.push_back(cluster);
      if (treatment) cluster.sum += kEffect * cluster.count;
      moved.push_back(cluster);
    }
    tally.falsely += TestClusters(equal, kAlpha, SeedOf(seed, k, 0)).tested.p < kAlpha;
    tally.covered += Holds(TestClusters(moved, kAlpha, SeedOf(seed, k, 0)).tested.interval, kEffect);
  }
  tally.runs = tally.coverage_runs = runs;
  return Print(tally);
}

// Periods of six hours in a rhythm of the day, each in an arm by a coin of its own.
bool MeasureSwitchback(int runs, std::uint64_t seed, int periods) {
  Tally tally{fmt::format("switchback, {} periods of six hours with a daily rhythm", periods)};
  constexpr double kEffect = 0.04;
  for (int k = 0; k < runs; ++k) {
    Rng rng(SeedOf(seed, k, 555));
    std::vector<Cluster> equal, moved;
    double day = 0;
    for (int p = 0; p < periods; ++p) {
      if (p % 4 == 0) day = 0.02 * rng.Normal();
      const double count = 200 + 300 * (p % 4) + std::round(20 * rng.Normal());
      const bool treatment = rng.Chance(0.5);
      const double rate = 0.2 + 0.03 * (p % 4) + day;
      Cluster cluster{.treatment = treatment,
                      .sum = count * rate + std::sqrt(count * rate * (1 - rate)) * rng.Normal(),
                      .count = count};
      equal.push_back(cluster);
      if (treatment) cluster.sum += kEffect * count;
      moved.push_back(cluster);
    }
    tally.falsely += TestClusters(equal, kAlpha, SeedOf(seed, k, 0)).tested.p < kAlpha;
    tally.covered += Holds(TestClusters(moved, kAlpha, SeedOf(seed, k, 0)).tested.interval, kEffect);
  }
  tally.runs = tally.coverage_runs = runs;
  return Print(tally);
}

// The true difference is exactly the margin: shown not to be worse by as much in at most 5 %.
bool MeasureNonInferiority(int runs, std::uint64_t seed) {
  Tally fixed{"non-inferiority at the margin, one look"}, watched{"the same, watched at 20 looks"};
  constexpr double kMargin = 0.1, kUnits = 500;  // Of an arm and look.
  for (int k = 0; k < runs; ++k) {
    Rng rng(SeedOf(seed, k, 9999));
    Sums control, treatment;
    bool shown = false;
    for (int look = 1; look <= kLooks; ++look) {
      for (double i = 0; i < kUnits; ++i) {
        control.Add(rng.Exponential(1));
        treatment.Add(rng.Exponential(1) - kMargin);
      }
      const Difference difference = AbsoluteDifference(EstimateMean(control), EstimateMean(treatment));
      shown |= TestNonInferiority(difference, kMargin, kAlpha, 2 * kLooks * kUnits).p < kAlpha;
      if (look == kLooks) fixed.falsely += TestNonInferiority(difference, kMargin, kAlpha, 0).p < kAlpha;
    }
    watched.falsely += shown;
  }
  fixed.runs = watched.runs = runs;
  return Print(fixed) & Print(watched);
}

// Three variants as one, by the code that judges experiments.
bool MeasurePooled(int runs, std::uint64_t seed) {
  Tally tally{"three variants pooled, watched at 20 looks"};
  const ExperimentDesign design{
      .name = "run", .arms = {"control", "a", "b", "c"}, .weights = {1, 1, 1, 1}, .planned_n = 8000};
  std::vector<MetricConfig> metrics(1);
  metrics[0] = {.name = "money", .measure = MetricConfig::Measure::kRevenue, .role = MetricConfig::Role::kDecision};
  constexpr double kEffects[] = {0, 0.4, 0.1, 0.1};  // 0.2 pooled, by equal shares.
  for (int k = 0; k < runs; ++k) {
    Rng rng(SeedOf(seed, k, 31337));
    MetricSample equal(4), moved(4);
    std::vector<double> exposed(4);
    bool decided = false, held = true;
    for (int look = 1; look <= kLooks; ++look) {
      for (int i = 0; i < 800; ++i) {
        const auto arm = static_cast<std::size_t>(i % 4);
        UnitMetric unit;
        unit.value = rng.Chance(0.5) ? std::exp(rng.Normal()) : 0;
        equal.Add(arm, unit, false, INFINITY, static_cast<Key>(i));
        unit.value += kEffects[arm];
        moved.Add(arm, unit, false, INFINITY, static_cast<Key>(i));
        ++exposed[arm];
      }
      const auto results = [&](const MetricSample& sample) {
        return AnalyzeSamples(design, metrics, {sample}, {exposed}, 0, kDayMs).pooled.at(0);
      };
      const MetricResult of_equal = results(equal), of_moved = results(moved);
      decided |= of_equal.p < kAlpha;
      held &= std::isnan(of_moved.p) || Holds(of_moved.tested_absolute.interval, 0.2);
    }
    tally.falsely += decided;
    tally.covered += held;
  }
  tally.runs = tally.coverage_runs = runs;
  return Print(tally);
}

// Twenty metrics of the same users, five of which move: any false one by Holm; the share of false ones among those
// found by Benjamini and Hochberg.
bool MeasureSeveral(int runs, std::uint64_t seed) {
  Tally holm{"20 metrics, 15 of them equal: a false one by Holm"},
      found{"the same: false ones among those found, by Benjamini-Hochberg"};
  for (int k = 0; k < runs; ++k) {
    Rng rng(SeedOf(seed, k, 4242));
    constexpr int kMetrics = 20, kMoved = 5;
    std::vector<Sums> arms[2] = {std::vector<Sums>(kMetrics), std::vector<Sums>(kMetrics)};
    for (int unit = 0; unit < 800; ++unit) {
      const double own = 0.5 * rng.Normal();  // Metrics of one user go together.
      for (int m = 0; m < kMetrics; ++m)
        arms[unit % 2][static_cast<std::size_t>(m)].Add(own + rng.Normal() + (unit % 2 && m < kMoved ? 0.3 : 0));
    }
    std::vector<double> p;
    for (std::size_t m = 0; m < kMetrics; ++m)
      p.push_back(TestAtFixedHorizon(AbsoluteDifference(EstimateMean(arms[0][m]), EstimateMean(arms[1][m])), kAlpha).p);
    const std::vector<double> by_holm = AdjustByHolm(p), by_bh = AdjustByBenjaminiHochberg(p);
    bool any = false;
    double all = 0, falsely = 0;
    for (std::size_t m = 0; m < kMetrics; ++m) {
      any |= m >= kMoved && by_holm[m] < kAlpha;
      all += by_bh[m] < kAlpha;
      falsely += m >= kMoved && by_bh[m] < kAlpha;
    }
    holm.falsely += any;
    found.falsely += all > 0 ? falsely / all : 0;
  }
  holm.runs = found.runs = runs;
  return Print(holm) & Print(found);
}

int Main(int count, char** arguments) {
  const bool tiny = count > 1 && std::string(arguments[1]) == "--tiny";
  const int runs = tiny ? 5 : count > 1 ? std::atoi(arguments[1]) : 1000;
  const std::uint64_t seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 0;
  const double begin_s = ThreadCpuSeconds();
  fmt::print("{} runs each, seed {}, 95 % intervals\n{:<58}{:<27}{}\n", runs, seed, "", "  decided falsely",
             "interval held the truth");
  bool kept = MeasureQuantiles(runs, seed);
  for (const int clusters : {20, 100}) kept &= MeasureClusters(runs, seed, clusters);
  for (const int periods : {28, 112}) kept &= MeasureSwitchback(runs, seed, periods);
  kept &= MeasureNonInferiority(runs, seed);
  kept &= MeasurePooled(runs, seed);
  kept &= MeasureSeveral(runs, seed);
  fmt::print("{:.1f} s of processor time\n", ThreadCpuSeconds() - begin_s);
  return kept || tiny ? 0 : 1;
}

}  // namespace
}  // namespace gfr

int main(int count, char** arguments) { return gfr::Main(count, arguments); }
