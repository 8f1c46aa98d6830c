// How often experiments decide falsely, how often rightly, and how soon: user metrics of the simulator's fast mode,
// watched every hour, judged by the code that judges real ones (experiment/results.h). It ends with 1 where a binomial
// 95 % interval says that a stated level is missed: 5 % of false decisions, 0.1 % of false sample ratio mismatches, 80
// % of planted effects found, 85 % of arms that lose 2 % of their users.
//
// usage: experiment_errors [all|--tiny|aa|power|canary|srm] [runs] [users] [canary share in %] [seed]
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/counter_rng.h"
#include "base/rng.h"
#include "experiment/results.h"
#include "simulate/user_metrics.h"
#include "stats/descriptive.h"
#include "stats/power.h"
#include "stats/quantile_estimate.h"
#include "stats/sample_ratio.h"

namespace gfr {
namespace {

struct Run {
  double users = 20'000, treatment_share = 0.5;
  ArmEffect effect;
  std::uint64_t seed = 1;
  double money_log_sd = 2;
  double enrolment_days = 14;
  MetricConfig::Role role = MetricConfig::Role::kDecision;
  double planned_n = 0;      // 0: all users.
  double window_days = 3;    // Of the metrics, from exposure.
  double conversion = 0.05;  // Expected within the window, of the control.
};

struct Outcome {
  bool better[2] = {}, worse[2] = {}, invalid = false;  // At any look, by metric.
  double units_at[2] = {}, canary_at[2] = {};           // Exposed when it was decided first.
};

std::vector<MetricConfig> JudgedMetrics(MetricConfig::Role role) {
  std::vector<MetricConfig> metrics(2);
  metrics[0] = {.name = "conversion", .measure = MetricConfig::Measure::kAny, .before_ms = 28 * kDayMs, .role = role};
  metrics[1] = {.name = "revenue", .measure = MetricConfig::Measure::kRevenue, .before_ms = 28 * kDayMs, .role = role};
  return metrics;
}

// The 99.9 % quantile of what users spent before, of a sample of them.
double MoneyCap(const UserMetrics& market) {
  std::vector<float> before;
  SimulatedUser user;
  for (std::uint64_t n = 0; n < 20'000; ++n) {
    market.Fill(n, {}, &user);
    if (!user.is_new)
      before.push_back(static_cast<float>(UserMetrics::Sum(user, user.exposure_ms - 28 * kDayMs, 0).revenue));
  }
  return WinsorCap(before);
}

// Each user's exposure, metrics and arm, in hours; then one look an hour.
Outcome Watch(const Run& run) {
  UserMetricsConfig config;
  config.seed = run.seed;
  config.enrolment_days = static_cast<int>(run.enrolment_days);
  config.money_log_sd = run.money_log_sd;
  config.days = static_cast<int>(run.window_days) + 1;
  // So that the window, in which not all of the delayed purchases fall, has the rate that was asked for.
  config.conversion *= run.conversion / UserMetrics::Make(config).value().Truth({}, run.window_days).conversion;
  const UserMetrics market = UserMetrics::Make(config).value();
  const std::vector<MetricConfig> metrics = JudgedMetrics(run.role);
  const double cap = MoneyCap(market);
  const auto hours = static_cast<std::size_t>((run.enrolment_days + run.window_days + 1) * 24);
  std::vector<std::array<double, 2>> exposed(hours);
  std::vector<std::array<MetricSample, 2>> matured(hours, {MetricSample(2), MetricSample(2)});
  SimulatedUser user;
  for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(run.users); ++n) {
    const std::size_t arm = CounterRng(run.seed ^ 0x5eed, n).Chance(0, run.treatment_share);
    market.Fill(n + 1'000'000, arm ? run.effect : ArmEffect{}, &user);
    if (!user.exposed) continue;
    const auto window = static_cast<std::int64_t>(run.window_days * kDayMs);
    exposed[static_cast<std::size_t>(user.exposure_ms / kHourMs)][arm] += 1;
    const UserSums after = UserMetrics::Sum(user, user.exposure_ms, user.exposure_ms + window);
    const UserSums before =
        UserMetrics::Sum(user, user.exposure_ms - 28 * kDayMs, std::min<std::int64_t>(user.exposure_ms, 0));
    auto& at = matured[static_cast<std::size_t>((user.exposure_ms + window) / kHourMs)];
    UnitMetric conversion, money;
    conversion.value = after.converted(), conversion.before = before.converted();
    money.value = std::max(0.0, after.revenue - after.returned), money.before = before.revenue;
    at[0].Add(arm, conversion, !user.is_new, INFINITY, n);
    at[1].Add(arm, money, !user.is_new, cap, n);
  }
  Outcome outcome;
  std::vector<double> all(2);
  std::vector<MetricSample> so_far(2, MetricSample(2));
  const ExperimentDesign design{.name = "run",
                                .arms = {"control", "treatment"},
                                .weights = {1 - run.treatment_share, run.treatment_share},
                                .planned_n = run.planned_n > 0 ? run.planned_n : run.users};
  for (std::size_t h = 0; h < hours; ++h) {
    for (std::size_t a = 0; a < 2; ++a) all[a] += exposed[h][a];
    for (std::size_t m = 0; m < 2; ++m) so_far[m].Merge(matured[h][m]);
    for (std::size_t m = 0; m < 2; ++m) {  // Each metric alone is the decision set.
      const ExperimentResults got =
          AnalyzeSamples(design, {metrics[m]}, {so_far[m]}, {all}, 0, static_cast<std::int64_t>(h) * kHourMs);
      outcome.invalid |= got.sample_ratio_p < kSampleRatioAlpha;
      if (outcome.better[m] || outcome.worse[m] || !(got.metrics[0].adjusted_p < design.alpha)) continue;
      (got.metrics[0].better ? outcome.better : outcome.worse)[m] = true;
      outcome.units_at[m] = all[0] + all[1], outcome.canary_at[m] = all[1];
    }
  }
  return outcome;
}

std::string ShareText(double count, double runs) {
  const Estimate share = Share(count, runs);
  return fmt::format("{:.2f} % [{:.2f}, {:.2f}]", 100 * share.value, 100 * share.interval.low,
                     100 * share.interval.high);
}

double MedianOf(std::vector<double> values) {
  if (values.empty()) return NAN;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// What the share of runs is held to. True: the interval of what was seen contradicts it.
enum class Level { kAtMost, kAtLeast };
bool IsMissed(double count, double runs, Level level, double share) {
  const Interval seen = Share(count, runs).interval;
  const bool missed = level == Level::kAtMost ? seen.low > share : seen.high < share;
  if (missed)
    fmt::print("  MISSED: {} {:g} % was asked for\n", level == Level::kAtMost ? "at most" : "at least", 100 * share);
  return missed;
}

// Gives 1 where what is asked is missed: of decisions at most 5 %, or of right ones by conversion at least 80 %.
enum class Asked { kNothing, kFewDecisions, kPower };
int RunRepeats(const std::string& what, int runs, Run run, Asked asked = Asked::kFewDecisions) {
  double decided[2] = {}, better[2] = {}, worse[2] = {}, invalid = 0;
  std::vector<double> units[2], canary[2];
  for (int k = 0; k < runs; ++k) {
    Run one = run;
    one.seed = run.seed * 1'000'003 + static_cast<std::uint64_t>(k);
    const Outcome got = Watch(one);
    invalid += got.invalid;
    for (int m = 0; m < 2; ++m) {
      decided[m] += got.better[m] || got.worse[m], better[m] += got.better[m], worse[m] += got.worse[m];
      if (got.better[m] || got.worse[m]) units[m].push_back(got.units_at[m]), canary[m].push_back(got.canary_at[m]);
    }
  }
  fmt::print("{}: {} runs of {:.0f} users, {:g} % in the treatment, watched hourly\n", what, runs, run.users,
             100 * run.treatment_share);
  for (int m = 0; m < 2; ++m)
    fmt::print("  {}: decided {}, better {}, worse {}; median users {:.0f}, in the treatment {:.0f}\n",
               m ? "money" : "conversion", ShareText(decided[m], runs), ShareText(better[m], runs),
               ShareText(worse[m], runs), MedianOf(units[m]), MedianOf(canary[m]));
  fmt::print("  sample ratio flagged: {}\n", ShareText(invalid, runs));
  if (asked == Asked::kNothing) return 0;
  if (asked == Asked::kPower)
    return IsMissed(run.effect.conversion > 0 ? better[0] : worse[0], runs, Level::kAtLeast, 0.8);
  return IsMissed(decided[0], runs, Level::kAtMost, 0.05) || IsMissed(decided[1], runs, Level::kAtMost, 0.05);
}

// Cheap runs: only the counts of arms, looked at 200 times.
int RunSampleRatio(int runs, double users, double lost, std::uint64_t seed) {
  int flagged = 0;
  Rng rng(seed);
  for (int k = 0; k < runs; ++k) {
    double counts[2] = {};
    const double weights[2] = {1, 1};
    constexpr int kLooks = 200;
    for (int look = 0; look < kLooks; ++look) {
      // Binomial by its normal approximation: a look brings users / 200.
      const double n = users / kLooks,
                   treated = std::clamp(std::round(n / 2 + std::sqrt(n) / 2 * rng.Normal()), 0.0, n);
      counts[0] += n - treated, counts[1] += std::round(treated * (1 - lost));
      if (SequentialSampleRatioP(counts, weights) >= kSampleRatioAlpha) continue;
      ++flagged;
      break;
    }
  }
  fmt::print("sample ratio, {} runs of {:.0f} users, {:g} % of an arm lost: flagged {}\n", runs, users, 100 * lost,
             ShareText(flagged, runs));
  return lost > 0 ? IsMissed(flagged, runs, Level::kAtLeast, 0.85) : IsMissed(flagged, runs, Level::kAtMost, 0.001);
}

// A canary of 5 % of 20,000 users a day, whose conversion is halved: 26,600 users are five times the canary users that
// a fixed one-sided 5 % test of 80 % power needs (266).
Run Canary() {
  Run run;
  run.users = 26'600, run.treatment_share = 0.05, run.effect.conversion = -0.5;
  run.role = MetricConfig::Role::kGuardrail;
  run.planned_n = ConfidenceSequence::kDefaultPlan;
  run.window_days = 1.0 / 24;
  run.enrolment_days = 2;
  return run;
}

int Main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "all";
  const auto number = [&](int k, double otherwise) { return count > k ? std::atof(arguments[k]) : otherwise; };
  Run run;
  run.seed = static_cast<std::uint64_t>(number(5, 1));
  if (what == "--tiny" || what == "all") {
    // Every kind of run, so that none rots; whole, as docs/experiments.md has them.
    const bool whole = what == "all";
    const int runs = whole ? static_cast<int>(number(2, 1000)) : 1;
    Run canary = Canary(), power = run;
    power.users = whole ? 1'000'000 : 2000, power.effect.conversion = 0.035;
    int missed = 0;
    constexpr double kDesigns[][2] = {{0.5, 20'000}, {0.05, 100'000}, {0.01, 400'000}};  // Treatment's share, users.
    for (const auto& [share, users] : kDesigns) {
      Run aa = run;
      aa.treatment_share = share, aa.users = whole ? users : 2000;
      missed |= RunRepeats("A/A", runs, aa);
    }
    const Asked asked = whole ? Asked::kPower : Asked::kNothing;  // Of one tiny run.
    missed |= RunRepeats("conversion +3.5 %", std::max(1, runs / 10), power, asked);
    missed |= RunRepeats("conversion halved, guardrail", std::max(1, runs / 2), canary, asked);
    missed |= RunSampleRatio(std::max(100, 100 * runs), 400'000, 0, run.seed);
    missed |= RunSampleRatio(std::max(10, 10 * runs), 400'000, 0.02, run.seed + 1);
    return missed;
  }
  if (what == "aa") {
    run.users = number(3, 20'000), run.treatment_share = number(4, 50) / 100;
    return RunRepeats("A/A", static_cast<int>(number(2, 20)), run);
  }
  if (what == "power") {
    run.users = number(3, 1'000'000), run.treatment_share = 0.5, run.effect.conversion = 0.035;
    return RunRepeats("conversion +3.5 %", static_cast<int>(number(2, 2)), run, Asked::kPower);
  }
  if (what == "canary") {
    run = Canary();
    run.users = number(3, run.users), run.treatment_share = number(4, 5) / 100;
    return RunRepeats("conversion halved, guardrail", static_cast<int>(number(2, 20)), run, Asked::kPower);
  }
  if (what == "srm") {
    const int runs = static_cast<int>(number(2, 1000));
    const int missed = RunSampleRatio(runs, 400'000, 0, run.seed);
    return RunSampleRatio(runs / 10, 400'000, 0.02, run.seed + 1) | missed;
  }
  fmt::print(stderr,
             "usage: experiment_errors [all|--tiny|aa|power|canary|srm] [runs] [users] [treatment in %] [seed]\n");
  return 2;
}

}  // namespace
}  // namespace gfr

int main(int count, char** arguments) { return gfr::Main(count, arguments); }
