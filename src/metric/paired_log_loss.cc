#include "metric/paired_log_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "metric/mean_metrics.h"

namespace gfr {
namespace {

constexpr double kLeast = 1e-15;  // As binary_metrics.cc.

double LossOf(double probability, bool positive) {
  const double p = std::clamp(probability, kLeast, 1 - kLeast);
  return -std::log(positive ? p : 1 - p);
}

// Of a ratio sum(top) / sum(bottom) over clusters, by the delta method.
class RatioOverClusters {
 public:
  void Add(double top, double bottom) {
    ++clusters_;
    top_ += top;
    bottom_ += bottom;
    top2_ += top * top;
    both_ += top * bottom;
    bottom2_ += bottom * bottom;
  }
  double value() const { return top_ / bottom_; }
  double standard_error() const {
    if (clusters_ < 2) return std::numeric_limits<double>::quiet_NaN();
    const double r = value(), squares = top2_ - 2 * r * both_ + r * r * bottom2_;
    return std::sqrt(std::max(0.0, squares) * clusters_ / (clusters_ - 1)) / bottom_;
  }

 private:
  double clusters_ = 0, top_ = 0, bottom_ = 0, top2_ = 0, both_ = 0, bottom2_ = 0;
};

}  // namespace

namespace {

// `loss_of(prediction, label)`: of a row; `observed_of(label)`: what is to be expected of it.
template <typename Loss, typename Observed>
PairedLogLoss Compare(std::span<const float> candidate, std::span<const float> champion, std::span<const float> label,
                      std::span<const std::uint64_t> user, const Loss& loss_of, const Observed& observed_of) {
  std::vector<std::size_t> order(label.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return user[i]; });
  PairedLogLoss out{.rows = label.size()};
  RatioOverClusters difference, observed;
  double champion_loss = 0, champion_expected = 0, observed_in_all = 0;
  for (std::size_t i = 0; i < order.size();) {
    const std::uint64_t of = user[order[i]];
    double lost = 0, rows = 0, sum = 0, expected = 0;
    for (; i < order.size() && user[order[i]] == of; ++i) {
      const std::size_t at = order[i];
      const double by_champion = loss_of(champion[at], label[at]);
      lost += loss_of(candidate[at], label[at]) - by_champion;
      champion_loss += by_champion;
      expected += candidate[at];
      champion_expected += champion[at];
      sum += observed_of(label[at]);
      out.positives += observed_of(label[at]) > 0;
      ++rows;
    }
    ++out.users;
    observed_in_all += sum;
    difference.Add(lost, rows);
    observed.Add(sum, expected);
  }
  out.champion = champion_loss / static_cast<double>(out.rows);
  out.difference = difference.value();
  out.standard_error = difference.standard_error();
  out.candidate_log_oe = std::log(observed.value());
  out.candidate_log_oe_error = observed.standard_error() / observed.value();
  out.champion_log_oe = std::log(observed_in_all / champion_expected);
  return out;
}

}  // namespace

PairedLogLoss ComparePairedLogLoss(std::span<const float> candidate, std::span<const float> champion,
                                   std::span<const float> label, std::span<const std::uint64_t> user) {
  return Compare(
      candidate, champion, label, user, [](float p, float y) { return LossOf(p, y > 0.5f); },
      [](float y) { return y > 0.5f ? 1.0 : 0.0; });
}

PairedLogLoss ComparePairedDeviance(std::span<const float> candidate, std::span<const float> champion,
                                    std::span<const float> amount, std::span<const std::uint64_t> user) {
  return Compare(
      candidate, champion, amount, user, [](float m, float y) { return TweedieDeviance(m, y); },
      [](float y) { return static_cast<double>(y); });
}

}  // namespace gfr
