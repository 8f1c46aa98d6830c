#include "metric/off_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "base/rng.h"

namespace gfr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A user's sums: rows, weight, reward, w r, clipped w r, doubly robust.
struct EstimatorSums {
  double rows = 0, weight = 0, reward = 0, ipw = 0, clipped = 0, robust = 0;
};

std::array<double, 5> MeansOf(const EstimatorSums& s) {
  return {s.reward / s.rows, s.ipw / s.rows, s.ipw / s.weight, s.clipped / s.rows, s.robust / s.rows};
}

void AddTimes(EstimatorSums& total, const EstimatorSums& s, double times) {
  total.rows += times * s.rows;
  total.weight += times * s.weight;
  total.reward += times * s.reward;
  total.ipw += times * s.ipw;
  total.clipped += times * s.clipped;
  total.robust += times * s.robust;
}

}  // namespace

double SlateProbability(std::span<const float> positions) {
  double product = 1;
  for (const float p : positions) product *= p;
  return product;
}

OffPolicyReport EstimateOffPolicy(const LoggedChoices& c, const OffPolicyOptions& options) {
  OffPolicyReport report;
  report.rows = c.reward.size();
  std::unordered_map<std::uint64_t, std::size_t> index;
  std::vector<EstimatorSums> users;
  const bool robust = !c.model_of_shown.empty();
  double squares = 0, weights = 0;
  std::uint64_t impossible = 0;
  for (std::size_t i = 0; i < c.reward.size(); ++i) {
    if (!(c.logged[i] > 0 && c.logged[i] <= 1) || !(c.target[i] >= 0 && c.target[i] <= 1)) {
      ++impossible;
      continue;
    }
    const std::size_t user = index.try_emplace(c.user[i], index.size()).first->second;
    if (user == users.size()) users.emplace_back();
    const double w = c.target[i] / c.logged[i], r = c.reward[i];
    AddTimes(users[user],
             {1, w, r, w * r, std::min(w, options.clip) * r,
              robust ? c.model_of_target[i] + w * (r - c.model_of_shown[i]) : kNaN},
             1);
    weights += w;
    squares += w * w;
    report.largest_weight = std::max(report.largest_weight, w);
    report.never_share += c.never.empty() ? 0 : c.never[i] / static_cast<double>(c.reward.size());
  }
  report.users = users.size();
  EstimatorSums total;
  for (const EstimatorSums& u : users) AddTimes(total, u, 1);
  if (impossible > 0)
    report.refusals.push_back(fmt::format(
        "{} rows have probabilities that are none (logged must be in (0, 1], target in [0, 1])", impossible));
  if (users.empty()) {
    report.refusals.push_back("there are no rows");
    return report;
  }
  report.effective_sample = squares > 0 ? weights * weights / squares : 0;
  // The mean weight's standard error, users being independent: of a ratio of sums over users.
  const double mean = total.weight / total.rows;
  double variance = 0;
  for (const EstimatorSums& u : users) variance += (u.weight - mean * u.rows) * (u.weight - mean * u.rows);
  const double error = std::sqrt(variance) / total.rows;
  report.mean_weight = {mean, {mean - 1.959963984540054 * error, mean + 1.959963984540054 * error}};

  std::array<std::vector<double>, 5> draws;
  Rng rng(options.seed);
  for (int r = 0; r < options.replicates; ++r) {
    EstimatorSums draw;
    for (const EstimatorSums& u : users) AddTimes(draw, u, static_cast<double>(rng.Poisson(1.0)));
    const auto means = MeansOf(draw);
    for (std::size_t k = 0; k < means.size(); ++k) draws[k].push_back(means[k]);
  }
  const auto means = MeansOf(total);
  Estimate* const fields[] = {&report.logged, &report.ipw, &report.snipw, &report.clipped, &report.doubly_robust};
  for (std::size_t k = 0; k < means.size(); ++k) *fields[k] = {means[k], PercentileInterval(std::move(draws[k]))};

  if (mean - 1 > 1.959963984540054 * error + 1e-9 || 1 - mean > 1.959963984540054 * error + 1e-9)
    report.refusals.push_back(
        fmt::format("the mean weight is {:.3f} [{:.3f}, {:.3f}], not 1: the logged probabilities are not those of what "
                    "was shown, or "
                    "the target is not a policy over the same choices",
                    mean, report.mean_weight.interval.low, report.mean_weight.interval.high));
  if (report.effective_sample < 100)
    report.refusals.push_back(fmt::format("the effective sample is {:.1f}, below 100", report.effective_sample));
  if (report.never_share > 1e-9)
    report.refusals.push_back(
        fmt::format("the target gives {:.2g} of its probability to what the log could never show", report.never_share));
  return report;
}

}  // namespace gfr
