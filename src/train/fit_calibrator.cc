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

// Logistic regression of `target` on up to 3 inputs by Newton's method; the last input is the
// constant 1.
template <int N, typename Inputs>
std::array<double, N> Logistic(std::size_t count, const Inputs& inputs, std::span<const double> target,
                               std::array<double, N> w) {
  for (int step = 0; step < 100; ++step) {
    double gradient[N] = {}, hessian[N][N] = {};
    for (std::size_t i = 0; i < count; ++i) {
      const std::array<double, N> x = inputs(i);
      double z = 0;
      for (int k = 0; k < N; ++k) z += w[k] * x[k];
      const double p = Sigmoid(z), error = p - target[i], weight = std::max(p * (1 - p), 1e-12);
      for (int k = 0; k < N; ++k) {
        gradient[k] += error * x[k];
        for (int j = 0; j < N; ++j) hessian[k][j] += weight * x[k] * x[j];
      }
    }
    // Keeps a separable sample finite; far below what moves any other fit.
    for (int k = 0; k < N; ++k) hessian[k][k] += 1e-6;
    // Gaussian elimination; the matrix is positive definite.
    for (int k = 0; k < N; ++k) {
      for (int r = k + 1; r < N; ++r) {
        const double f = hessian[r][k] / hessian[k][k];
        for (int c = k; c < N; ++c) hessian[r][c] -= f * hessian[k][c];
        gradient[r] -= f * gradient[k];
      }
    }
    double size = 0;
    for (int k = N - 1; k >= 0; --k) {
      double d = gradient[k];
      for (int c = k + 1; c < N; ++c) d -= hessian[k][c] * gradient[c];
      gradient[k] = d / hessian[k][k];
      size = std::max(size, std::fabs(gradient[k]));
    }
    const double damp = size > 5 ? 5 / size : 1;
    for (int k = 0; k < N; ++k) w[k] -= damp * gradient[k];
    if (size < 1e-12) break;
  }
  return w;
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

Calibrator FitCalibratorOf(Calibrator::Kind kind, std::span<const float> margins, std::span<const float> labels) {
  if (kind == Calibrator::Kind::kNone) return {};
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
    const auto w = Logistic<2>(margins.size(),
                               [&](std::size_t i) {
                                 return std::array<double, 2>{margins[i], 1.0};
                               },
                               target, {1, 0});
    c.a = w[0];
    c.b = w[1];
  } else {
    const auto w = Logistic<3>(margins.size(),
                               [&](std::size_t i) {
                                 return std::array<double, 3>{-SoftPlus(-margins[i]), SoftPlus(margins[i]), 1.0};
                               },
                               target, {1, 1, 0});
    c.a = w[0];
    c.b = w[1];
    c.c = w[2];
  }
  return c;
}

namespace {

constexpr std::uint64_t kFolds = 5;
constexpr std::ptrdiff_t kLeastOfSlice = 200;  // Positives, and negatives.

// Calibrators of each fold of users, fitted on the other folds.
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
    of_fold.push_back(FitCalibratorOf(kind, m, l));
  }
  return of_fold;
}

// The kind with the lowest log loss, and that, summed up.
std::pair<Calibrator::Kind, double> Choose(std::span<const float> margins, std::span<const float> labels,
                                           std::span<const Key> users) {
  const auto positives = std::ranges::count(labels, 1.0f);
  std::pair<Calibrator::Kind, double> chosen{Calibrator::Kind::kNone, INFINITY};
  for (const auto kind :
       {Calibrator::Kind::kNone, Calibrator::Kind::kPlatt, Calibrator::Kind::kBeta, Calibrator::Kind::kIsotonic}) {
    if (kind == Calibrator::Kind::kIsotonic && positives < 1000) continue;
    const std::vector<Calibrator> of_fold = CrossFit(kind, margins, labels, users);
    double loss = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) loss += LogLoss(of_fold[users[i] % kFolds], margins[i], labels[i]);
    if (loss < chosen.second) chosen = {kind, loss};
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
  return FitCalibratorOf(Choose(margins, labels, users).first, margins, labels);
}

double CrossFitLogLoss(std::span<const float> margins, std::span<const float> labels, std::span<const Key> users) {
  return Choose(margins, labels, users).second / static_cast<double>(margins.size());
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
  const std::vector<Calibrator> of_all = CrossFit(pooled.kind, margins, labels, users);
  std::map<float, Calibrator> own;
  for (const auto& [code, rows] : slices) {
    const auto positives = std::ranges::count(rows.labels, 1.0f);
    if (std::min(positives, std::ssize(rows.labels) - positives) < kLeastOfSlice) continue;
    const Calibrator::Kind kind = Choose(rows.margins, rows.labels, rows.users).first;
    if (IsBetter(CrossFit(kind, rows.margins, rows.labels, rows.users), of_all, rows))
      own[code] = FitCalibratorOf(kind, rows.margins, rows.labels);
  }
  return own;
}

}  // namespace gfr
