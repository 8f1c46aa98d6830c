#include "metric/mean_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "base/rng.h"

namespace gfr {
namespace {

// MeanSums over some rows: what every metric is made of.
struct MeanSums {
  double rows = 0, observed = 0, expected = 0, deviance = 0, squares = 0, sizes = 0;
  double roots = 0;  // Of the amounts: what the deviance of a constant needs.

  void Add(const MeanSums& other, double times) {
    rows += times * other.rows;
    observed += times * other.observed;
    expected += times * other.expected;
    deviance += times * other.deviance;
    squares += times * other.squares;
    sizes += times * other.sizes;
    roots += times * other.roots;
  }
};

// In the order of MeanMetrics' estimates.
using MeanValues = std::array<double, 5>;

MeanValues MeasureSums(const MeanSums& s) {
  const double mean = s.observed / s.rows, constant = 4 * (2 * s.observed / std::sqrt(mean) - 2 * s.roots);
  return {s.observed / s.expected, s.deviance / s.rows, s.deviance / constant, std::sqrt(s.squares / s.rows),
          s.sizes / s.rows};
}

}  // namespace

double TweedieDeviance(double predicted, double amount) {
  const double root = std::sqrt(std::max(predicted, 1e-9)), difference = std::sqrt(amount) - root;
  return 4 * difference * difference / root;
}

MeanMetrics MeasureMean(const MeanRows& rows, int replicates, std::uint64_t seed) {
  MeanMetrics out{.rows = rows.amount.size()};
  std::vector<MeanSums> of_user;
  std::unordered_map<std::uint64_t, std::size_t> index;
  MeanSums all;
  for (std::size_t i = 0; i < rows.amount.size(); ++i) {
    const double y = rows.amount[i], m = rows.predicted[i];
    out.positives += y > 0;
    const auto at = index.try_emplace(rows.user[i], of_user.size()).first->second;
    if (at == of_user.size()) of_user.emplace_back();
    of_user[at].Add({.rows = 1,
                     .observed = y,
                     .expected = m,
                     .deviance = TweedieDeviance(m, y),
                     .squares = (y - m) * (y - m),
                     .sizes = std::fabs(y - m),
                     .roots = std::sqrt(y)},
                    1);
  }
  for (const MeanSums& user : of_user) all.Add(user, 1);
  out.mean = all.observed / all.rows;
  Estimate* const estimates[] = {&out.observed_over_expected, &out.deviance, &out.deviance_share, &out.rmse, &out.mae};
  const MeanValues values = MeasureSums(all);
  for (std::size_t k = 0; k < values.size(); ++k) estimates[k]->value = values[k];
  Rng rng(seed);
  std::array<std::vector<double>, 5> drawn;
  for (int r = 0; r < replicates; ++r) {
    MeanSums some;
    for (const MeanSums& user : of_user) {
      if (const auto times = rng.Poisson(1.0)) some.Add(user, static_cast<double>(times));
    }
    const MeanValues replicate = MeasureSums(some);
    for (std::size_t k = 0; k < replicate.size(); ++k) drawn[k].push_back(replicate[k]);
  }
  for (std::size_t k = 0; k < drawn.size(); ++k) estimates[k]->interval = PercentileInterval(drawn[k]);
  return out;
}

}  // namespace gfr
