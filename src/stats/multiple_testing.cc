#include "stats/multiple_testing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gfr {
namespace {

// Indices of the p values that exist, from the least.
std::vector<std::size_t> RisingP(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  return order;
}

}  // namespace

std::vector<double> AdjustByHolm(std::span<const double> p) {
  std::vector<double> adjusted(p.size(), std::numeric_limits<double>::quiet_NaN());
  const std::vector<std::size_t> order = RisingP(p);
  double most = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    most = std::max(most, std::min(1.0, p[order[k]] * static_cast<double>(order.size() - k)));
    adjusted[order[k]] = most;
  }
  return adjusted;
}

std::vector<double> AdjustByBenjaminiHochberg(std::span<const double> p) {
  std::vector<double> adjusted(p.size(), std::numeric_limits<double>::quiet_NaN());
  const std::vector<std::size_t> order = RisingP(p);
  double least = 1;
  for (std::size_t k = order.size(); k-- > 0;) {
    least = std::min(least, p[order[k]] * static_cast<double>(order.size()) / static_cast<double>(k + 1));
    adjusted[order[k]] = least;
  }
  return adjusted;
}

}  // namespace gfr
