#include "train/fit_mean_calibrator.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "metric/mean_metrics.h"
#include "stats/isotonic.h"

namespace gfr {
namespace {

constexpr std::uint64_t kMeanFolds = 5;
constexpr std::ptrdiff_t kLeastForIsotonic = 1000;
constexpr double kIsotonicBetter = 0.002;  // Of the deviance: what so many numbers may be better by by chance.
constexpr std::size_t kMeanGroups = 200;

// exp(margin), scaled to give the sum of the amounts back.
Calibrator Scaled(std::span<const float> margins, std::span<const float> amounts) {
  double observed = 0, expected = 0;
  for (std::size_t i = 0; i < margins.size(); ++i) {
    observed += amounts[i];
    expected += std::exp(static_cast<double>(margins[i]));
  }
  Calibrator c{.kind = Calibrator::Kind::kLogLinear};
  if (observed > 0 && expected > 0 && std::isfinite(expected)) c.b = std::log(observed / expected);
  return c;
}

// What the fit makes as great as it can be: the Poisson log likelihood without what does not depend on a and b.
double QuasiLikelihood(std::span<const float> margins, std::span<const float> amounts, double a, double b) {
  double sum = 0;
  for (std::size_t i = 0; i < margins.size(); ++i) {
    const double eta = a * margins[i] + b;
    sum += amounts[i] * eta - std::exp(eta);
  }
  return sum;
}

// Means of up to kMeanGroups groups of neighbours by margin, pooled until they rise.
Calibrator IsotonicMeans(std::span<const float> margins, std::span<const float> amounts) {
  std::vector<std::size_t> order(margins.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return margins[i]; });
  std::vector<double> x, y, n;
  for (std::size_t at = 0, group = 1; at < order.size(); ++group) {
    const std::size_t begin = at;
    std::size_t end = std::max(order.size() * group / kMeanGroups, at + 1);
    while (end < order.size() && margins[order[end]] == margins[order[end - 1]]) ++end;  // Equal ones stay together.
    double sum_x = 0, sum_y = 0;
    for (; at < end; ++at) {
      sum_x += margins[order[at]];
      sum_y += amounts[order[at]];
    }
    n.push_back(static_cast<double>(end - begin));
    x.push_back(sum_x / n.back());
    y.push_back(sum_y / n.back());
  }
  Calibrator c{.kind = Calibrator::Kind::kIsotonic};
  for (const IsotonicBlock& block : FitIsotonicBlocks(y, n)) {
    double sum_x = 0;
    for (std::size_t i = block.first; i <= block.last; ++i) sum_x += x[i] * n[i];
    c.x.push_back(sum_x / block.weight);
    c.y.push_back(block.sum / block.weight);
  }
  return c;
}

using FitOne = std::function<Calibrator(std::span<const float> margins, std::span<const float> amounts)>;

// The deviance of rows by what was fitted on the other folds of users.
double CrossFitDeviance(const FitOne& fit, std::span<const float> margins, std::span<const float> amounts,
                        std::span<const Key> users) {
  double sum = 0;
  for (std::uint64_t fold = 0; fold < kMeanFolds; ++fold) {
    std::vector<float> m, y;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      if (users[i] % kMeanFolds == fold) continue;
      m.push_back(margins[i]);
      y.push_back(amounts[i]);
    }
    if (m.empty()) return INFINITY;
    const Calibrator fitted = fit(m, y);
    for (std::size_t i = 0; i < margins.size(); ++i) {
      if (users[i] % kMeanFolds == fold) sum += TweedieDeviance(fitted.Apply(margins[i]), amounts[i]);
    }
  }
  return sum;
}

}  // namespace

Calibrator FitLogLinear(std::span<const float> margins, std::span<const float> amounts, bool free) {
  Calibrator c = Scaled(margins, amounts);
  if (!free) return c;
  const Calibrator scaled = c;
  double best = QuasiLikelihood(margins, amounts, c.a, c.b);
  for (int step = 0; step < 100; ++step) {
    double ga = 0, gb = 0, haa = 0, hab = 0, hbb = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      const double x = margins[i], mean = std::exp(c.a * x + c.b);
      ga += (amounts[i] - mean) * x;
      gb += amounts[i] - mean;
      haa += mean * x * x;
      hab += mean * x;
      hbb += mean;
    }
    const double determinant = haa * hbb - hab * hab;
    if (!(determinant > 1e-12 * haa * hbb)) return scaled;  // Margins are all alike.
    const double da = (ga * hbb - gb * hab) / determinant, db = (gb * haa - ga * hab) / determinant;
    double size = 1, next = -INFINITY;
    for (; size > 1e-9; size /= 2) {
      next = QuasiLikelihood(margins, amounts, c.a + size * da, c.b + size * db);
      if (next >= best) break;
    }
    if (!(next >= best)) break;
    c.a += size * da;
    c.b += size * db;
    const bool done = next - best <= 1e-12 * std::fabs(best);
    best = next;
    if (done) break;
  }
  if (!(c.a >= 0)) {  // The best that does not fall: a constant.
    const double mean = std::accumulate(amounts.begin(), amounts.end(), 0.0) / static_cast<double>(amounts.size());
    c.a = 0;
    c.b = std::log(mean);
  }
  return std::isfinite(c.a) && std::isfinite(c.b) ? c : scaled;
}

Calibrator FitMeanCalibrator(std::span<const float> margins, std::span<const float> amounts,
                             std::span<const Key> users) {
  const auto positives = std::ranges::count_if(amounts, [](float y) { return y > 0; });
  Calibrator best = Scaled(margins, amounts);
  if (positives == 0) return best;
  const auto scaled = [](std::span<const float> m, std::span<const float> y) { return FitLogLinear(m, y, false); };
  const auto free = [](std::span<const float> m, std::span<const float> y) { return FitLogLinear(m, y, true); };
  double least = CrossFitDeviance(scaled, margins, amounts, users);
  const auto consider = [&](const FitOne& fit, double better) {
    const double deviance = CrossFitDeviance(fit, margins, amounts, users);
    if (!(deviance < (1 - better) * least)) return;
    least = deviance;
    best = fit(margins, amounts);
  };
  consider(free, 0);
  if (positives >= kLeastForIsotonic) consider(IsotonicMeans, kIsotonicBetter);
  return best;
}

}  // namespace gfr
