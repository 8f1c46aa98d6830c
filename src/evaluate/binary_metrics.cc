#include "evaluate/binary_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/rng.h"

namespace gfr {
namespace {

constexpr int kBins = 15;

// Rows by falling probability, with the user's dense index.
struct Sorted {
  std::vector<double> probability;
  std::vector<float> label;
  std::vector<std::uint32_t> user;
  std::vector<int> bin;
  std::size_t users = 0;
};

Sorted Sort(const BinaryRows& rows, int bins) {
  std::vector<std::uint32_t> order(rows.label.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::uint32_t i) { return rows.probability[i]; });
  Sorted s;
  std::unordered_map<std::uint64_t, std::uint32_t> index;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::uint32_t i = order[k];
    s.probability.push_back(rows.probability[i]);
    s.label.push_back(rows.label[i]);
    s.user.push_back(index.try_emplace(rows.user[i], static_cast<std::uint32_t>(index.size())).first->second);
    s.bin.push_back(static_cast<int>(k * static_cast<std::size_t>(bins) / order.size()));
  }
  s.users = index.size();
  return s;
}

struct Values {
  double auc_roc, auc_pr, log_loss, ece, observed_over_expected;
};

Values Measure(const Sorted& s, const std::vector<float>& weight) {
  double tp = 0, fp = 0, area = 0, precision_sum = 0, loss = 0, expected = 0, total = 0;
  double bin_p[kBins] = {}, bin_y[kBins] = {}, bin_w[kBins] = {};
  for (std::size_t i = 0; i < s.label.size();) {
    double pos = 0, neg = 0;
    const double p = s.probability[i];
    for (; i < s.label.size() && s.probability[i] == p; ++i) {
      const double w = weight.empty() ? 1.0 : weight[s.user[i]];
      (s.label[i] > 0.5f ? pos : neg) += w;
      bin_p[s.bin[i]] += w * p;
      bin_y[s.bin[i]] += w * s.label[i];
      bin_w[s.bin[i]] += w;
    }
    area += neg * (tp + pos / 2);
    tp += pos;
    fp += neg;
    if (pos > 0) precision_sum += pos * tp / (tp + fp);
    const double q = std::clamp(p, 1e-15, 1 - 1e-15);
    loss -= pos * std::log(q) + neg * std::log1p(-q);
    expected += (pos + neg) * p;
    total += pos + neg;
  }
  double ece = 0;
  for (int b = 0; b < kBins; ++b) ece += std::fabs(bin_p[b] - bin_y[b]);
  return {area / (tp * fp), precision_sum / tp, loss / total, ece / total, tp / expected};
}

}  // namespace

BinaryMetrics MeasureBinary(const BinaryRows& rows, int replicates, std::uint64_t seed) {
  BinaryMetrics m;
  m.rows = rows.label.size();
  m.positives = static_cast<std::uint64_t>(std::ranges::count(rows.label, 1.0f));
  if (m.rows == 0) return m;
  const Sorted s = Sort(rows, kBins);
  const Values v = Measure(s, {});
  std::vector<double> draws[5];
  Rng rng(seed);
  std::vector<float> weight(s.users);
  for (int r = 0; r < replicates; ++r) {
    for (float& w : weight) w = static_cast<float>(rng.Poisson(1.0));
    const Values d = Measure(s, weight);
    const double values[] = {d.auc_roc, d.auc_pr, d.log_loss, d.ece, d.observed_over_expected};
    for (int k = 0; k < 5; ++k) draws[k].push_back(values[k]);
  }
  m.auc_roc = {v.auc_roc, PercentileInterval(draws[0])};
  m.auc_pr = {v.auc_pr, PercentileInterval(draws[1])};
  m.log_loss = {v.log_loss, PercentileInterval(draws[2])};
  m.ece = {v.ece, PercentileInterval(draws[3])};
  m.observed_over_expected = {v.observed_over_expected, PercentileInterval(draws[4])};
  return m;
}

std::vector<CurvePoint> RocCurve(const BinaryRows& rows, int max_points) {
  std::vector<CurvePoint> points{{0, 0}};
  if (rows.label.empty()) return points;
  const Sorted s = Sort(rows, 1);
  const double positives = std::accumulate(s.label.begin(), s.label.end(), 0.0),
               negatives = static_cast<double>(s.label.size()) - positives;
  double tp = 0;
  const std::size_t every = std::max<std::size_t>(1, s.label.size() / static_cast<std::size_t>(max_points));
  for (std::size_t i = 0; i < s.label.size(); ++i) {
    tp += s.label[i];
    if ((i + 1) % every == 0 || i + 1 == s.label.size())
      points.push_back({(static_cast<double>(i + 1) - tp) / negatives, tp / positives});
  }
  return points;
}

std::vector<CurvePoint> PrCurve(const BinaryRows& rows, int max_points) {
  std::vector<CurvePoint> points;
  if (rows.label.empty()) return points;
  const Sorted s = Sort(rows, 1);
  const double positives = std::accumulate(s.label.begin(), s.label.end(), 0.0);
  double tp = 0;
  for (std::size_t i = 0; i < s.label.size(); ++i) {
    tp += s.label[i];
    const double every = std::max(1.0, positives / max_points);
    if (s.label[i] > 0.5f && std::fmod(tp, std::ceil(every)) < 1)
      points.push_back({tp / positives, tp / static_cast<double>(i + 1)});
  }
  return points;
}

std::vector<ReliabilityBin> Reliability(const BinaryRows& rows, int bins) {
  std::vector<ReliabilityBin> out(static_cast<std::size_t>(bins), {0, 0, 0});
  if (rows.label.empty()) return out;
  const Sorted s = Sort(rows, bins);
  for (std::size_t i = 0; i < s.label.size(); ++i) {
    ReliabilityBin& bin = out[static_cast<std::size_t>(bins - 1 - s.bin[i])];
    bin.mean_probability += s.probability[i];
    bin.observed += s.label[i];
    ++bin.rows;
  }
  for (ReliabilityBin& bin : out) {
    bin.mean_probability /= static_cast<double>(std::max<std::uint64_t>(1, bin.rows));
    bin.observed /= static_cast<double>(std::max<std::uint64_t>(1, bin.rows));
  }
  return out;
}

}  // namespace gfr
