#include "evaluate/position_bias.h"

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
  std::unordered_map<std::uint64_t, std::size_t> index;
  std::vector<Counts> by_user;  // users x used.
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (static_cast<std::size_t>(position[i]) >= used) continue;
    const std::size_t user = index.try_emplace(rows.user[i], index.size()).first->second;
    by_user.resize(index.size() * used);
    Counts& c = by_user[user * used + static_cast<std::size_t>(position[i])];
    c.positives += rows.label[i];
    c.expected += rows.probability[i];
  }
  std::vector<double> weight(index.size(), 1.0);
  const auto sum = [&] {
    std::vector<Counts> total(used);
    for (std::size_t u = 0; u < index.size(); ++u) {
      if (weight[u] == 0) continue;
      for (std::size_t k = 0; k < used; ++k) {
        total[k].positives += weight[u] * by_user[u * used + k].positives;
        total[k].expected += weight[u] * by_user[u * used + k].expected;
      }
    }
    return total;
  };
  const std::vector<Counts> all = sum();
  std::vector<std::vector<double>> draws(used);
  std::vector<double> exponents;
  Rng rng(seed);
  for (int r = 0; r < replicates; ++r) {
    for (double& w : weight) w = static_cast<double>(rng.Poisson(1.0));
    const std::vector<Counts> total = sum();
    for (std::size_t k = 0; k < used; ++k) draws[k].push_back(Examined(total, k));
    exponents.push_back(Exponent(total));
  }
  for (std::size_t k = 0; k < used; ++k) {
    places[k].position = static_cast<int>(k);
    places[k].examined = {Examined(all, k), PercentileInterval(std::move(draws[k]))};
  }
  bias.exponent = {Exponent(all), PercentileInterval(std::move(exponents))};
  bias.places = std::move(places);
  return bias;
}

}  // namespace gfr
