#include "rank/diversity.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace gfr {
namespace {

double MeanSizeOfBest(std::span<const double> value, std::size_t size) {
  std::vector<double> sorted(value.begin(), value.end());
  const std::size_t best = std::min(size, sorted.size());
  std::ranges::partial_sort(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(best), std::greater<>());
  double sum = 0;
  for (std::size_t i = 0; i < best; ++i) sum += std::fabs(sorted[i]);
  return best == 0 ? 0 : sum / static_cast<double>(best);
}

}  // namespace

std::vector<double> MarginalValues(std::span<const double> value, const std::vector<std::span<const Key>>& categories,
                                   double diversity, std::size_t size, std::span<const std::uint32_t> first) {
  std::vector<double> worth(value.begin(), value.end());
  const double scale = diversity * MeanSizeOfBest(value, size);
  if (!(scale > 0) || categories.empty()) return worth;
  const std::size_t n = value.size();
  std::vector<double> likeness(n, 0.0);  // The greatest to one that was taken.
  std::vector<std::uint8_t> taken(n, 0);
  const auto take = [&](std::size_t pick) {
    taken[pick] = 1;
    for (std::size_t i = 0; i < n; ++i) {
      if (taken[i]) continue;
      std::size_t alike = 0;
      for (const std::span<const Key> of : categories) alike += of[i] != 0 && of[i] == of[pick];
      likeness[i] = std::max(likeness[i], static_cast<double>(alike) / static_cast<double>(categories.size()));
    }
  };
  for (const std::uint32_t pinned : first) take(pinned);
  for (std::size_t step = 0; step < std::min(n, 2 * size); ++step) {
    std::size_t best = n;
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < n; ++i) {
      const double now = value[i] - scale * likeness[i];
      if (taken[i] || !(now > most)) continue;
      most = now;
      best = i;
    }
    if (best == n) break;
    worth[best] = most;
    take(best);
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!taken[i]) worth[i] = value[i] - scale * likeness[i];
  }
  return worth;
}

}  // namespace gfr
