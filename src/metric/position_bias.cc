#include "metric/position_bias.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/rng.h"

namespace gfr {
namespace {

struct Counts {
  double positives = 0, expected = 0;
};

double Examined(std::span<const Counts> at, std::size_t k) {
  return at[k].positives / at[k].expected / (at[0].positives / at[0].expected);
}

// Poisson regression of the positives on ln(1 + k) with ln(expected) as offset, by Newton's method.
double Exponent(std::span<const Counts> at) {
  double level = 0, slope = 0;
  for (int step = 0; step < 50; ++step) {
    double g0 = 0, g1 = 0, h00 = 1e-12, h01 = 0, h11 = 1e-12;
    for (std::size_t k = 0; k < at.size(); ++k) {
      const double x = std::log1p(static_cast<double>(k)), mean = at[k].expected * std::exp(level + slope * x),
                   error = at[k].positives - mean;
      g0 += error;
      g1 += error * x;
      h00 += mean;
      h01 += mean * x;
      h11 += mean * x * x;
    }
    const double determinant = h00 * h11 - h01 * h01;
    const double d0 = (h11 * g0 - h01 * g1) / determinant, d1 = (h00 * g1 - h01 * g0) / determinant;
    level += std::clamp(d0, -2.0, 2.0);
    slope += std::clamp(d1, -2.0, 2.0);
    if (std::fabs(d0) + std::fabs(d1) < 1e-12) break;
  }
  return -slope;
}

// The steps of a curve from pairs: expected is the upper place's clicks, positives the lower one's.
double ExaminedBySteps(std::span<const Counts> steps, std::size_t k) {
  double examined = 1;
  for (std::size_t j = 0; j < k; ++j) examined *= steps[j].positives / steps[j].expected;
  return examined;
}

// Logistic regression of which of a pair was clicked, by Newton's method: odds of the lower ((k + 2) / (k + 1))^-x.
double ExponentOfSteps(std::span<const Counts> steps) {
  double x = 0;
  for (int step = 0; step < 50; ++step) {
    double gradient = 0, curvature = 1e-12;
    for (std::size_t k = 0; k < steps.size(); ++k) {
      const double apart = std::log1p(1 / (1 + static_cast<double>(k))), p = 1 / (1 + std::exp(x * apart)),
                   clicks = steps[k].positives + steps[k].expected;
      gradient -= apart * (steps[k].positives - clicks * p);
      curvature += apart * apart * clicks * p * (1 - p);
    }
    const double change = std::clamp(gradient / curvature, -2.0, 2.0);
    x += change;
    if (std::fabs(change) < 1e-12) break;
  }
  return x;
}

// Counts of each of some users, `width` a user.
struct CountsByUser {
  explicit CountsByUser(std::size_t w) : width(w) {}
  const std::size_t width;
  std::unordered_map<std::uint64_t, std::size_t> index;
  std::vector<Counts> counts;
  Counts& At(std::uint64_t user, std::size_t k) {
    const std::size_t u = index.try_emplace(user, index.size()).first->second;
    counts.resize(index.size() * width);
    return counts[u * width + k];
  }
  std::vector<Counts> Sum(std::span<const double> weight) const {
    std::vector<Counts> total(width);
    for (std::size_t u = 0; u < weight.size(); ++u) {
      if (weight[u] == 0) continue;
      for (std::size_t k = 0; k < width; ++k) {
        total[k].positives += weight[u] * counts[u * width + k].positives;
        total[k].expected += weight[u] * counts[u * width + k].expected;
      }
    }
    return total;
  }
};

// Fills the curve of `bias.places` and the exponent, with intervals.
void Bootstrap(const CountsByUser& users, double (*examined)(std::span<const Counts>, std::size_t),
               double (*exponent)(std::span<const Counts>), int replicates, std::uint64_t seed, PositionBias& bias) {
  std::vector<double> weight(users.index.size(), 1.0);
  const std::vector<Counts> all = users.Sum(weight);
  std::vector<std::vector<double>> draws(bias.places.size());
  std::vector<double> exponents;
  Rng rng(seed);
  for (int r = 0; r < replicates; ++r) {
    for (double& w : weight) w = static_cast<double>(rng.Poisson(1.0));
    const std::vector<Counts> total = users.Sum(weight);
    for (std::size_t k = 0; k < draws.size(); ++k) draws[k].push_back(examined(total, k));
    exponents.push_back(exponent(total));
  }
  for (std::size_t k = 0; k < draws.size(); ++k) {
    bias.places[k].position = static_cast<int>(k);
    bias.places[k].examined = {examined(all, k), PercentileInterval(std::move(draws[k]))};
  }
  bias.exponent = {exponent(all), PercentileInterval(std::move(exponents))};
}

}  // namespace

PositionBias MeasurePositionBias(const BinaryRows& rows, std::span<const int> position, int most, int replicates,
                                 std::uint64_t seed) {
  PositionBias bias;
  std::vector<PositionBias::Place> places(static_cast<std::size_t>(most));
  std::size_t used = 0;
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (position[i] >= most) continue;
    const auto k = static_cast<std::size_t>(position[i]);
    ++places[k].rows;
    if (rows.label[i] > 0.5f && ++places[k].positives > 0) used = std::max(used, k + 1);
  }
  if (used == 0 || places[0].positives == 0) return bias;
  places.resize(used);
  bias.places = std::move(places);
  CountsByUser users(used);
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (static_cast<std::size_t>(position[i]) >= used) continue;
    Counts& c = users.At(rows.user[i], static_cast<std::size_t>(position[i]));
    c.positives += rows.label[i];
    c.expected += rows.probability[i];
  }
  Bootstrap(users, Examined, Exponent, replicates, seed, bias);
  return bias;
}

PositionBias MeasureSwappedPositionBias(const SwappedPairs& pairs, int most, int replicates, std::uint64_t seed) {
  constexpr double kLeastClicks = 10;
  PositionBias bias;
  std::vector<Counts> steps(static_cast<std::size_t>(most));
  for (std::size_t i = 0; i < pairs.place.size(); ++i) {
    if (pairs.place[i] < 0 || pairs.place[i] + 1 >= most) continue;
    Counts& step = steps[static_cast<std::size_t>(pairs.place[i])];
    step.expected += pairs.upper[i];
    step.positives += pairs.lower[i];
  }
  std::size_t used = 0;
  while (std::min(steps[used].expected, steps[used].positives) >= kLeastClicks) ++used;
  if (used == 0) return bias;
  bias.places.resize(used + 1);
  CountsByUser users(used);
  for (std::size_t i = 0; i < pairs.place.size(); ++i) {
    if (pairs.place[i] < 0 || static_cast<std::size_t>(pairs.place[i]) >= used) continue;
    const auto k = static_cast<std::size_t>(pairs.place[i]);
    Counts& step = users.At(pairs.user[i], k);
    step.expected += pairs.upper[i];
    step.positives += pairs.lower[i];
    ++bias.places[k].rows;
    ++bias.places[k + 1].rows;
    bias.places[k].positives += pairs.upper[i];
    bias.places[k + 1].positives += pairs.lower[i];
  }
  Bootstrap(users, ExaminedBySteps, ExponentOfSteps, replicates, seed, bias);
  return bias;
}

}  // namespace gfr
