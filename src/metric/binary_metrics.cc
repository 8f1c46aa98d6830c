#include "metric/binary_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "base/rng.h"
#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr int kBins = 15;

// Rows by falling probability, with the user's dense index and the quantile bin.
struct Sorted {
  std::vector<double> probability, weight;
  std::vector<float> label;
  std::vector<std::uint32_t> user;
  std::vector<int> bin;
};

using UserIndex = std::unordered_map<std::uint64_t, std::uint32_t>;

// A row whose probability or weight is NaN has no place in an order.
bool CanBeSorted(const BinaryRows& rows) {
  const auto is_nan = [](float x) { return x != x; };
  return std::ranges::none_of(rows.probability, is_nan) && std::ranges::none_of(rows.weight, is_nan);
}

// What is known of rows that cannot be sorted: their number.
BinaryMetrics OnlyCounts(const BinaryRows& rows) {
  BinaryMetrics m;
  m.rows = rows.label.size();
  m.positives = static_cast<std::uint64_t>(std::ranges::count(rows.label, 1.0f));
  return m;
}

Sorted Sort(const BinaryRows& rows, int bins, UserIndex& index) {
  std::vector<std::uint32_t> order(rows.label.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::uint32_t i) { return rows.probability[i]; });
  std::vector<float> rising(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) rising[order.size() - 1 - k] = rows.probability[order[k]];
  std::vector<double> edges;  // Between bins: a bin holds (edge, next edge].
  for (int b = 1; b < bins; ++b) edges.push_back(QuantileOfSorted(rising, static_cast<double>(b) / bins));
  Sorted s;
  for (const std::uint32_t i : order) {
    s.probability.push_back(rows.probability[i]);
    s.label.push_back(rows.label[i]);
    s.weight.push_back(rows.weight.empty() ? 1.0 : rows.weight[i]);
    s.user.push_back(index.try_emplace(rows.user[i], static_cast<std::uint32_t>(index.size())).first->second);
    s.bin.push_back(
        static_cast<int>(std::ranges::lower_bound(edges, static_cast<double>(rows.probability[i])) - edges.begin()));
  }
  return s;
}

// In the order of BinaryMetrics' fields.
using Values = std::array<double, 7>;

Values Measure(const Sorted& s, const std::vector<float>& weight) {
  double tp = 0, fp = 0, area = 0, precision_sum = 0, loss = 0, expected = 0, total = 0, squares = 0;
  double bin_p[kBins] = {}, bin_y[kBins] = {};
  for (std::size_t i = 0; i < s.label.size();) {
    double pos = 0, neg = 0;
    const double p = s.probability[i];
    for (; i < s.label.size() && s.probability[i] == p; ++i) {
      const double w = weight.empty() ? s.weight[i] : s.weight[i] * weight[s.user[i]];
      (s.label[i] > 0.5f ? pos : neg) += w;
      bin_p[s.bin[i]] += w * p;
      bin_y[s.bin[i]] += w * s.label[i];
    }
    area += neg * (tp + pos / 2);
    tp += pos;
    fp += neg;
    if (pos > 0) precision_sum += pos * tp / (tp + fp);
    const double q = std::clamp(p, 1e-15, 1 - 1e-15);
    loss -= pos * std::log(q) + neg * std::log1p(-q);
    squares += pos * (1 - p) * (1 - p) + neg * p * p;
    expected += (pos + neg) * p;
    total += pos + neg;
  }
  double ece = 0;
  for (int b = 0; b < kBins; ++b) ece += std::fabs(bin_p[b] - bin_y[b]);
  const double rate = tp / total, entropy = -(rate * std::log(rate) + (1 - rate) * std::log1p(-rate));
  return {area / (tp * fp), precision_sum / tp, loss / total,          ece / total,
          tp / expected,    squares / total,    loss / total / entropy};
}

BinaryMetrics FromValues(const BinaryRows& rows, const Values& values, std::array<std::vector<double>, 7>& draws) {
  BinaryMetrics m;
  m.rows = rows.label.size();
  m.positives = static_cast<std::uint64_t>(std::ranges::count(rows.label, 1.0f));
  Estimate* const fields[] = {&m.auc_roc,           &m.auc_pr, &m.log_loss, &m.ece, &m.observed_over_expected, &m.brier,
                              &m.normalised_entropy};
  for (std::size_t k = 0; k < values.size(); ++k) {
    *fields[k] = {std::isfinite(values[k]) ? values[k] : std::numeric_limits<double>::quiet_NaN(),
                  PercentileInterval(std::move(draws[k]))};
  }
  return m;
}

void DrawWeights(Rng& rng, std::vector<float>& weight) {
  for (float& w : weight) w = static_cast<float>(rng.Poisson(1.0));
}

// Every threshold, thinned to about max_points; the last is always there.
template <typename Point>
std::vector<CurvePoint> Curve(const Sorted& s, int max_points, bool only_with_positives, const Point& point) {
  std::vector<CurvePoint> points;
  double tp = 0, fp = 0;
  const std::size_t every = std::max<std::size_t>(1, s.label.size() / static_cast<std::size_t>(max_points));
  std::size_t last = 0;
  for (std::size_t i = 0; i < s.label.size();) {
    const double p = s.probability[i], before = tp;
    for (; i < s.label.size() && s.probability[i] == p; ++i) (s.label[i] > 0.5f ? tp : fp) += s.weight[i];
    if (only_with_positives && tp == before) continue;
    if (i < last + every && i < s.label.size()) continue;
    last = i;
    points.push_back(point(tp, fp));
  }
  return points;
}

}  // namespace

BinaryMetrics MeasureBinary(const BinaryRows& rows, int replicates, std::uint64_t seed) {
  if (rows.label.empty()) return {};
  if (!CanBeSorted(rows)) return OnlyCounts(rows);
  UserIndex users;
  const Sorted s = Sort(rows, kBins, users);
  std::array<std::vector<double>, 7> draws;
  Rng rng(seed);
  std::vector<float> weight(users.size());
  for (int r = 0; r < replicates; ++r) {
    DrawWeights(rng, weight);
    const Values d = Measure(s, weight);
    for (std::size_t k = 0; k < d.size(); ++k) draws[k].push_back(d[k]);
  }
  const Values values = Measure(s, {});
  // A sum of absolute values grows with noise: replicates' ECE lie above the sample's, as that lies above the truth.
  // They are moved back by their mean excess.
  std::vector<double>& ece = draws[3];
  const double excess = std::accumulate(ece.begin(), ece.end(), 0.0) / std::max(1, replicates) - values[3];
  for (double& draw : ece) draw = std::max(0.0, draw - excess);
  return FromValues(rows, values, draws);
}

BinaryMetrics CompareBinary(const BinaryRows& a, std::span<const float> probability_b, int replicates,
                            std::uint64_t seed) {
  if (a.label.empty()) return {};
  if (!CanBeSorted(a) || !CanBeSorted({probability_b, a.label, a.user, a.weight})) return OnlyCounts(a);
  UserIndex users;
  const Sorted sorted_a = Sort(a, kBins, users),
               sorted_b = Sort({probability_b, a.label, a.user, a.weight}, kBins, users);
  const auto difference = [&](const std::vector<float>& weight) {
    Values d = Measure(sorted_b, weight);
    const Values other = Measure(sorted_a, weight);
    for (std::size_t k = 0; k < d.size(); ++k) d[k] -= other[k];
    return d;
  };
  std::array<std::vector<double>, 7> draws;
  Rng rng(seed);
  std::vector<float> weight(users.size());
  for (int r = 0; r < replicates; ++r) {
    DrawWeights(rng, weight);
    const Values d = difference(weight);
    for (std::size_t k = 0; k < d.size(); ++k) draws[k].push_back(d[k]);
  }
  return FromValues(a, difference({}), draws);
}

std::vector<CurvePoint> RocCurve(const BinaryRows& rows, int max_points) {
  if (!CanBeSorted(rows)) return {};
  std::vector<CurvePoint> points{{0, 0}};
  UserIndex users;
  const Sorted s = Sort(rows, 1, users);
  double positives = 0, negatives = 0;
  for (std::size_t i = 0; i < s.label.size(); ++i) (s.label[i] > 0.5f ? positives : negatives) += s.weight[i];
  const auto curve = Curve(s, max_points, false, [&](double tp, double fp) {
    return CurvePoint{fp / negatives, tp / positives};
  });
  points.insert(points.end(), curve.begin(), curve.end());
  return points;
}

std::vector<CurvePoint> PrCurve(const BinaryRows& rows, int max_points) {
  if (!CanBeSorted(rows)) return {};
  UserIndex users;
  const Sorted s = Sort(rows, 1, users);
  double positives = 0;
  for (std::size_t i = 0; i < s.label.size(); ++i) positives += s.label[i] > 0.5f ? s.weight[i] : 0;
  return Curve(s, max_points, true, [&](double tp, double fp) { return CurvePoint{tp / positives, tp / (tp + fp)}; });
}

std::vector<ReliabilityBin> Reliability(const BinaryRows& rows, int bins) {
  if (!CanBeSorted(rows)) return {};
  std::vector<ReliabilityBin> out(static_cast<std::size_t>(bins), {0, 0, 0});
  std::vector<double> total(out.size());
  UserIndex users;
  const Sorted s = Sort(rows, bins, users);
  for (std::size_t i = 0; i < s.label.size(); ++i) {
    ReliabilityBin& bin = out[static_cast<std::size_t>(s.bin[i])];
    bin.mean_probability += s.weight[i] * s.probability[i];
    bin.observed += s.weight[i] * s.label[i];
    total[static_cast<std::size_t>(s.bin[i])] += s.weight[i];
    ++bin.rows;
  }
  for (std::size_t b = 0; b < out.size(); ++b) {
    out[b].mean_probability /= total[b];
    out[b].observed /= total[b];
  }
  std::erase_if(out, [](const ReliabilityBin& bin) { return bin.rows == 0; });
  return out;
}

std::vector<LiftBin> Lift(const BinaryRows& rows, int bins) {
  std::vector<ReliabilityBin> from = Reliability(rows, bins);
  std::ranges::reverse(from);
  double count = 0, positives = 0, captured = 0;
  for (const ReliabilityBin& b : from) {
    count += static_cast<double>(b.rows);
    positives += b.observed * static_cast<double>(b.rows);
  }
  std::vector<LiftBin> lift;
  for (const ReliabilityBin& b : from) {
    captured += b.observed * static_cast<double>(b.rows);
    lift.push_back({b.mean_probability, b.observed, b.observed * count / positives, captured / positives, b.rows});
  }
  return lift;
}

}  // namespace gfr
