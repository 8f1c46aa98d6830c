#include "monitor/slice_correction.h"

#include <algorithm>
#include <cmath>

#include "monitor/score_cells.h"

namespace gfr {
namespace {

constexpr float kMostMove = 3;   // Log-odds of one step.
constexpr double kLeastBin = 3;  // Variance of a bin's labels, below which it says nothing of chi-square.
constexpr int kScoreBins = 32;   // Of one in log-odds.

struct BinSums {
  double off = 0, variance = 0;  // Observed less expected; of the sum of labels.
};

// Deviations of chi-square above its mean.
double Significance(std::span<const BinSums> bins) {
  double chi = 0, degrees = 0;
  for (const BinSums& b : bins) {
    if (b.variance < kLeastBin) continue;
    chi += b.off * b.off / b.variance;
    ++degrees;
  }
  return degrees == 0 ? 0 : (chi - degrees) / std::sqrt(2 * degrees);
}

// Of true steps around 0: E (O - E)^2 = V + V^2 s2.
double StepVariance(std::span<const BinSums> bins) {
  double over = 0, squares = 0;
  for (const BinSums& b : bins) {
    over += b.off * b.off - b.variance;
    squares += b.variance * b.variance;
  }
  return squares > 0 ? std::max(0.0, over / squares) : 0;
}

}  // namespace

std::size_t SliceCorrection::BinOf(std::size_t column, float score, const std::uint8_t* bins) const {
  if (column < columns_) return bins[column];
  if (column > columns_) return 0;
  const double at = std::floor(CellCounter::LogOdds(score)) + kScoreBins / 2;
  return static_cast<std::size_t>(std::clamp(at, 0.0, kScoreBins - 1.0));
}

SliceCorrection SliceCorrection::Fit(const BinnedRows& rows, std::span<const float> label,
                                     std::span<const std::int64_t> window) {
  SliceCorrection fitted;
  fitted.columns_ = rows.columns;
  fitted.rows_ = label.size();
  const std::size_t n = label.size();
  double positives = 0;
  for (const float l : label) positives += l;
  if (positives < kLeastPositives) return fitted;
  std::vector<double> log_odds(n);
  for (std::size_t i = 0; i < n; ++i) log_odds[i] = CellCounter::LogOdds(rows.score[i]);
  const auto bins_of = [&](std::size_t i) { return rows.bins.data() + i * rows.columns; };
  for (int round = 0;; ++round) {
    const std::size_t columns = rows.columns + 2;
    std::vector<BinSums> sums(columns * 256);
    std::vector<BinSums> windows;
    for (std::size_t i = 0; i < n; ++i) {
      const double p = CellCounter::OfLogOdds(log_odds[i]), off = label[i] - p, variance = p * (1 - p);
      if (i == 0 || window[i] != window[i - 1]) windows.emplace_back();
      windows.back().off += off;
      windows.back().variance += variance;
      for (std::size_t c = 0; c < columns; ++c) {
        BinSums& sum = sums[c * 256 + fitted.BinOf(c, rows.score[i], bins_of(i))];
        sum.off += off;
        sum.variance += variance;
      }
    }
    fitted.shift_ = std::sqrt(StepVariance(windows));
    std::size_t best = 0;
    double most = -1;
    for (std::size_t c = 0; c < columns; ++c) {
      const double z = Significance(std::span(sums).subspan(c * 256, 256));
      if (z > most) {
        most = z;
        best = c;
      }
    }
    const auto of_best = std::span(sums).subspan(best * 256, 256);
    const double variance = StepVariance(of_best);
    if (round == kRounds || most < kSignificant || variance == 0) return fitted;
    Step step{.column = best, .move = {}};
    for (std::size_t b = 0; b < 256; ++b)
      step.move[b] =
          std::clamp(static_cast<float>(of_best[b].off / (of_best[b].variance + 1 / variance)), -kMostMove, kMostMove);
    for (std::size_t i = 0; i < n; ++i) log_odds[i] += step.move[fitted.BinOf(best, rows.score[i], bins_of(i))];
    fitted.steps_.push_back(step);
  }
}

double SliceCorrection::Apply(float score, const std::uint8_t* bins) const {
  if (steps_.empty()) return score;
  double log_odds = CellCounter::LogOdds(score);
  for (const Step& step : steps_) log_odds += step.move[BinOf(step.column, score, bins)];
  return CellCounter::OfLogOdds(log_odds);
}

std::vector<std::size_t> SliceCorrection::Columns() const {
  std::vector<std::size_t> columns;
  for (const Step& step : steps_) columns.push_back(step.column);
  return columns;
}

}  // namespace gfr
