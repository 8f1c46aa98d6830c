#include "train/fit_calibrator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "stats/isotonic.h"

namespace gfr {
namespace {

double Sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }
double SoftPlus(double z) { return std::log1p(std::exp(-std::fabs(z))) + std::fmax(z, 0.0); }

// Symmetric positive definite: solves h x = g in place of g (Gaussian elimination).
template <int N>
void Solve(std::array<std::array<double, N>, N> h, std::array<double, N>& g) {
  for (int k = 0; k < N; ++k) {
    for (int r = k + 1; r < N; ++r) {
      const double f = h[r][k] / h[k][k];
      for (int c = k; c < N; ++c) h[r][c] -= f * h[k][c];
      g[r] -= f * g[k];
    }
  }
  for (int k = N - 1; k >= 0; --k) {
    for (int c = k + 1; c < N; ++c) g[k] -= h[k][c] * g[c];
    g[k] /= h[k][k];
  }
}

template <int N>
struct LogisticFit {
  std::array<double, N> w;  // The last one is the constant's.
  double loss;              // At w.
  bool converged;
};

// Logistic regression of `target` on N - 1 inputs and a constant by Newton's method with step halving: a step that does
// not lower the loss enough (Armijo 1966) is halved, so that the loss never rises. Inputs are centred and scaled first,
// which the weights that come back undo: margins far from 0 leave no ill-conditioned matrix.
template <int N, typename Inputs>
LogisticFit<N> Logistic(std::size_t count, const Inputs& inputs, std::span<const double> target) {
  std::array<double, N> mean{}, scale{};
  for (std::size_t i = 0; i < count; ++i) {
    const std::array<double, N> x = inputs(i);
    for (int k = 0; k < N - 1; ++k) mean[k] += x[k] / static_cast<double>(count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::array<double, N> x = inputs(i);
    for (int k = 0; k < N - 1; ++k) scale[k] += (x[k] - mean[k]) * (x[k] - mean[k]) / static_cast<double>(count);
  }
  for (int k = 0; k < N - 1; ++k) scale[k] = scale[k] > 0 ? std::sqrt(scale[k]) : 1;
  std::vector<std::array<double, N>> rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    rows[i] = inputs(i);
    for (int k = 0; k < N - 1; ++k) rows[i][k] = (rows[i][k] - mean[k]) / scale[k];
    rows[i][N - 1] = 1;
  }
  const auto loss_at = [&](const std::array<double, N>& w) {
    double loss = 0;
    for (std::size_t i = 0; i < count; ++i) {
      double z = 0;
      for (int k = 0; k < N; ++k) z += w[k] * rows[i][k];
      loss += SoftPlus(z) - target[i] * z;
    }
    return loss;
  };
  LogisticFit<N> fit{.w = {}, .loss = loss_at({}), .converged = false};
  bool near = false;
  for (int step = 0; step < 200 && !fit.converged; ++step) {
    std::array<double, N> gradient{};
    std::array<std::array<double, N>, N> hessian{};
    for (std::size_t i = 0; i < count; ++i) {
      double z = 0;
      for (int k = 0; k < N; ++k) z += fit.w[k] * rows[i][k];
      const double p = Sigmoid(z), error = p - target[i], weight = std::max(p * (1 - p), 1e-12);
      for (int k = 0; k < N; ++k) {
        gradient[k] += error * rows[i][k];
        for (int j = 0; j < N; ++j) hessian[k][j] += weight * rows[i][k] * rows[i][j];
      }
    }
    for (int k = 0; k < N; ++k) hessian[k][k] *= 1 + 1e-12;
    for (int k = 0; k < N; ++k) hessian[k][k] += 1e-12;  // Inputs that are all alike.
    std::array<double, N> move = gradient;
    Solve<N>(hessian, move);
    double slope = 0;
    for (int k = 0; k < N; ++k) slope += gradient[k] * move[k];  // Twice what the step can win, near the minimum.
    double size = 0;
    for (int k = 0; k < N; ++k) size = std::max(size, std::fabs(move[k]) / (1 + std::fabs(fit.w[k])));
    if (!std::isfinite(slope)) break;
    // So near that the loss cannot tell any more: the last steps are taken whole.
    if (slope < 1e-9 * std::max(1.0, fit.loss)) {
      for (int k = 0; k < N; ++k) fit.w[k] -= move[k];
      fit.converged = size < 1e-8;  // What is left is its square.
      near = true;
      continue;
    }
    if (near) break;  // It was, and went away: there is no optimum here.
    double length = 1;
    for (; length > 1e-10; length /= 2) {
      std::array<double, N> w = fit.w;
      for (int k = 0; k < N; ++k) w[k] -= length * move[k];
      const double loss = loss_at(w);
      if (!(loss <= fit.loss - 1e-4 * length * slope)) continue;
      fit.w = w;
      fit.loss = loss;
      break;
    }
    if (length <= 1e-10) break;
  }
  fit.loss = loss_at(fit.w);
  for (int k = 0; k < N - 1; ++k) {
    fit.w[k] /= scale[k];
    fit.w[N - 1] -= fit.w[k] * mean[k];
  }
  return fit;
}

Calibrator FitIsotonic(std::span<const float> margins, std::span<const float> labels) {
  std::vector<std::size_t> order(margins.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return margins[i]; });
  std::vector<double> x, y, n;  // Of up to 200 groups of equal size, equal margins in one.
  const std::size_t group = std::max<std::size_t>(1, order.size() / 200);
  for (std::size_t at = 0; at < order.size();) {
    double sum_x = 0, sum_y = 0;
    const std::size_t begin = at;
    std::size_t end = std::min(at + group, order.size());
    while (end < order.size() && margins[order[end]] == margins[order[end - 1]]) ++end;
    for (; at < end; ++at) {
      sum_x += margins[order[at]];
      sum_y += labels[order[at]];
    }
    n.push_back(static_cast<double>(end - begin));
    x.push_back(sum_x / n.back());
    y.push_back(sum_y / n.back());
  }
  Calibrator c{.kind = Calibrator::Kind::kIsotonic};
  for (const IsotonicBlock& b : FitIsotonicBlocks(y, n)) {
    double sum_x = 0;
    for (std::size_t i = b.first; i <= b.last; ++i) sum_x += x[i] * n[i];
    c.x.push_back(sum_x / b.weight);
    c.y.push_back((b.sum + 0.5) / (b.weight + 1.0));  // Never 0 or 1.
  }
  for (std::size_t i = 1; i < c.y.size(); ++i) c.y[i] = std::max(c.y[i], c.y[i - 1]);
  return c;
}

double LogLoss(const Calibrator& c, float margin, float label) {
  const double p = std::clamp(c.Apply(margin), 1e-9, 1 - 1e-9);
  return -(label > 0.5f ? std::log(p) : std::log(1 - p));
}

}  // namespace

namespace {

// Beta calibration (Kull et al. 2017) with both slopes at 0 or above: where the free fit has one below, that input is
// left out and the other fitted alone, which is the optimum under that bound.
LogisticFit<3> FitBeta(std::span<const float> margins, std::span<const double> target) {
  const auto lower = [&](std::size_t i) { return -SoftPlus(-static_cast<double>(margins[i])); };
  const auto upper = [&](std::size_t i) { return SoftPlus(margins[i]); };
  LogisticFit<3> best = Logistic<3>(
      margins.size(),
      [&](std::size_t i) {
        return std::array<double, 3>{lower(i), upper(i), 1.0};
      },
      target);
  if (best.w[0] >= 0 && best.w[1] >= 0) return best;
  best.loss = INFINITY;
  best.converged = false;
  const LogisticFit<2> of_lower = Logistic<2>(
                           margins.size(),
                           [&](std::size_t i) {
                             return std::array<double, 2>{lower(i), 1.0};
                           },
                           target),
                       of_upper = Logistic<2>(
                           margins.size(),
                           [&](std::size_t i) {
                             return std::array<double, 2>{upper(i), 1.0};
                           },
                           target);
  if (of_lower.converged && of_lower.w[0] >= 0) best = {{of_lower.w[0], 0, of_lower.w[1]}, of_lower.loss, true};
  if (of_upper.converged && of_upper.w[0] >= 0 && of_upper.loss < best.loss)
    best = {{0, of_upper.w[0], of_upper.w[1]}, of_upper.loss, true};
  return best;
}

}  // namespace

std::optional<Calibrator> TryCalibratorOf(Calibrator::Kind kind, std::span<const float> margins,
                                          std::span<const float> labels) {
  if (kind == Calibrator::Kind::kNone) return Calibrator{};
  if (margins.empty()) return std::nullopt;
  if (kind == Calibrator::Kind::kIsotonic) return FitIsotonic(margins, labels);
  const double positives = std::accumulate(labels.begin(), labels.end(), 0.0),
               negatives = static_cast<double>(labels.size()) - positives;
  const bool platt = kind == Calibrator::Kind::kPlatt;
  std::vector<double> target(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    target[i] = !platt ? labels[i] : labels[i] > 0.5f ? (positives + 1) / (positives + 2) : 1 / (negatives + 2);
  }
  Calibrator c{.kind = kind};
  if (platt) {
    const LogisticFit<2> fit = Logistic<2>(
        margins.size(),
        [&](std::size_t i) {
          return std::array<double, 2>{margins[i], 1.0};
        },
        target);
    if (!fit.converged || !(fit.w[0] >= 0)) return std::nullopt;
    c.a = fit.w[0];
    c.b = fit.w[1];
  } else {
    const LogisticFit<3> fit = FitBeta(margins, target);
    if (!fit.converged || !(fit.w[0] >= 0 && fit.w[1] >= 0)) return std::nullopt;
    c.a = fit.w[0];
    c.b = fit.w[1];
    c.c = fit.w[2];
  }
  return c;
}

Calibrator FitCalibratorOf(Calibrator::Kind kind, std::span<const float> margins, std::span<const float> labels) {
  return TryCalibratorOf(kind, margins, labels).value_or(Calibrator{});
}

namespace {

constexpr std::uint64_t kFolds = 5;
constexpr std::ptrdiff_t kLeastOfSlice = 200;  // Positives, and negatives.

// Calibrators of each fold of users, fitted on the other folds; empty when one of them has no optimum.
std::vector<Calibrator> CrossFit(Calibrator::Kind kind, std::span<const float> margins, std::span<const float> labels,
                                 std::span<const Key> users) {
  std::vector<Calibrator> of_fold;
  for (std::uint64_t fold = 0; fold < kFolds; ++fold) {
    std::vector<float> m, l;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      if (users[i] % kFolds == fold) continue;
      m.push_back(margins[i]);
      l.push_back(labels[i]);
    }
    auto fitted = TryCalibratorOf(kind, m, l);
    if (!fitted) return {};
    of_fold.push_back(*std::move(fitted));
  }
  return of_fold;
}

struct Chosen {
  Calibrator calibrator;  // Fitted on all rows.
  double loss;            // In the cross-fit, summed up.
};

// The kind with the lowest log loss in the cross-fit, of those that have an optimum in each fold and on all rows.
// `none` always has.
Chosen Choose(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users) {
  const auto positives = std::ranges::count(labels, 1.0f);
  Chosen chosen{{}, INFINITY};
  for (const auto kind :
       {Calibrator::Kind::kNone, Calibrator::Kind::kPlatt, Calibrator::Kind::kBeta, Calibrator::Kind::kIsotonic}) {
    if (kind == Calibrator::Kind::kIsotonic && positives < 1000) continue;
    const std::vector<Calibrator> of_fold = CrossFit(kind, margins, labels, users);
    if (of_fold.empty()) continue;
    double loss = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) loss += LogLoss(of_fold[users[i] % kFolds], margins[i], labels[i]);
    if (!(loss < chosen.loss)) continue;
    if (auto on_all = TryCalibratorOf(kind, margins, labels)) chosen = {*std::move(on_all), loss};
  }
  return chosen;
}

struct SliceRows {
  std::vector<float> margins, labels;
  std::vector<Key> users;
};

// Whether the first's log loss is lower by more than chance.
bool IsBetter(const std::vector<Calibrator>& of_fold, const std::vector<Calibrator>& than, const SliceRows& rows) {
  std::map<Key, double> by_user;
  for (std::size_t i = 0; i < rows.margins.size(); ++i) {
    const std::size_t fold = rows.users[i] % kFolds;
    by_user[rows.users[i]] +=
        LogLoss(than[fold], rows.margins[i], rows.labels[i]) - LogLoss(of_fold[fold], rows.margins[i], rows.labels[i]);
  }
  double gain = 0, squares = 0;
  for (const auto& [user, difference] : by_user) {
    gain += difference;
    squares += difference * difference;
  }
  return gain > 1.96 * std::sqrt(squares);
}

}  // namespace

Calibrator FitCalibrator(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users) {
  if (std::ranges::count(labels, 1.0f) < 20) return {};
  return Choose(margins, labels, users).calibrator;
}

double CrossFitLogLoss(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users) {
  return Choose(margins, labels, users).loss / static_cast<double>(margins.size());
}

std::map<float, Calibrator> FitSliceCalibrators(const Calibrator& pooled, std::span<const float> margins,
                                                std::span<const float> labels, std::span<const Key> users,
                                                std::span<const float> slice) {
  std::map<float, SliceRows> slices;
  for (std::size_t i = 0; i < slice.size(); ++i) {
    if (slice[i] != slice[i]) continue;
    SliceRows& rows = slices[slice[i]];
    rows.margins.push_back(margins[i]);
    rows.labels.push_back(labels[i]);
    rows.users.push_back(users[i]);
  }
  std::vector<Calibrator> of_all = CrossFit(pooled.kind, margins, labels, users);
  if (of_all.empty()) of_all.assign(kFolds, pooled);
  std::map<float, Calibrator> own;
  for (const auto& [code, rows] : slices) {
    const auto positives = std::ranges::count(rows.labels, 1.0f);
    if (std::min(positives, std::ssize(rows.labels) - positives) < kLeastOfSlice) continue;
    Chosen best = Choose(rows.margins, rows.labels, rows.users);
    if (IsBetter(CrossFit(best.calibrator.kind, rows.margins, rows.labels, rows.users), of_all, rows))
      own[code] = std::move(best.calibrator);
  }
  return own;
}

}  // namespace gfr
