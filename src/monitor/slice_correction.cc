#include "monitor/slice_correction.h"

#include <algorithm>
#include <cmath>

#include "monitor/score_cells.h"

namespace gfr {
namespace {

constexpr float kMostMove = 3;   // Log-odds of one step.
constexpr float kMostSlope = 1;  // Of one step.
constexpr double kLeastBin = 3;  // Variance of a bin's labels, below which it says nothing of chi-square.
constexpr int kScoreBins = 32;   // Of one in log-odds.

// What a step can be made of: a score of the likelihood, and its variance, which is the information.
struct StepSums {
  double off = 0, variance = 0;
};

// Of a bin: observed less expected, and the variance of the sum of labels; the same times the score's log-odds.
struct BinSums {
  double off = 0, variance = 0, off_x = 0, variance_x = 0, variance_xx = 0;
  void Add(double residual, double v, double x) {
    off += residual;
    variance += v;
    off_x += residual * x;
    variance_x += v * x;
    variance_xx += v * x * x;
  }
  double middle() const { return variance > 0 ? variance_x / variance : 0; }
  StepSums level() const { return {off, variance}; }
  // Around the middle, where the level does not depend on the slope.
  StepSums slope() const { return {off_x - middle() * off, std::max(0.0, variance_xx - middle() * variance_x)}; }
};

// Deviations of chi-square above its mean.
double Significance(std::span<const StepSums> bins) {
  double chi = 0, degrees = 0;
  for (const StepSums& b : bins) {
    if (b.variance < kLeastBin) continue;
    chi += b.off * b.off / b.variance;
    ++degrees;
  }
  return degrees == 0 ? 0 : (chi - degrees) / std::sqrt(2 * degrees);
}

// Of true steps around 0: E (O - E)^2 = V + V^2 s2.
double StepVariance(std::span<const StepSums> bins) {
  double over = 0, squares = 0;
  for (const StepSums& b : bins) {
    over += b.off * b.off - b.variance;
    squares += b.variance * b.variance;
  }
  return squares > 0 ? std::max(0.0, over / squares) : 0;
}

std::array<float, 256> StepsOf(std::span<const StepSums> bins, double variance, float most) {
  std::array<float, 256> steps = {};
  for (std::size_t b = 0; b < bins.size(); ++b)
    steps[b] = std::clamp(static_cast<float>(bins[b].off / (bins[b].variance + 1 / variance)), -most, most);
  return steps;
}

// The most significant of what columns and all rows are off by.
struct Found {
  std::size_t column = 0;
  bool slope = false;
  double significance = -1;
  std::array<StepSums, 256> bins;
};
Found FindMostSignificant(std::span<const BinSums> sums, std::size_t score_column) {
  Found found;
  for (std::size_t c = 0; c * 256 < sums.size(); ++c) {
    for (const bool slope : {false, true}) {
      if (slope && c == score_column) continue;
      std::array<StepSums, 256> bins;
      for (std::size_t b = 0; b < 256; ++b) bins[b] = slope ? sums[c * 256 + b].slope() : sums[c * 256 + b].level();
      const double z = Significance(bins);
      if (z > found.significance) found = {c, slope, z, bins};
    }
  }
  return found;
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
  std::vector<double> score(n), log_odds;
  for (std::size_t i = 0; i < n; ++i) score[i] = CellCounter::LogOdds(rows.score[i]);
  log_odds = score;
  const auto bins_of = [&](std::size_t i) { return rows.bins.data() + i * rows.columns; };
  for (int round = 0;; ++round) {
    const std::size_t columns = rows.columns + 2;
    std::vector<BinSums> sums(columns * 256);
    std::vector<StepSums> windows;
    for (std::size_t i = 0; i < n; ++i) {
      const double p = CellCounter::OfLogOdds(log_odds[i]), off = label[i] - p, variance = p * (1 - p);
      if (i == 0 || window[i] != window[i - 1]) windows.emplace_back();
      windows.back().off += off;
      windows.back().variance += variance;
      for (std::size_t c = 0; c < columns; ++c)
        sums[c * 256 + fitted.BinOf(c, rows.score[i], bins_of(i))].Add(off, variance, score[i]);
    }
    fitted.shift_ = std::sqrt(StepVariance(windows));
    if (round == kRounds) return fitted;
    const Found best = FindMostSignificant(sums, rows.columns);
    const double variance = StepVariance(best.bins);
    if (best.significance < kSignificant || variance == 0) return fitted;
    Step step{.column = best.column, .move = {}, .slope = {}, .middle = {}};
    (best.slope ? step.slope : step.move) = StepsOf(best.bins, variance, best.slope ? kMostSlope : kMostMove);
    for (std::size_t b = 0; b < 256; ++b) step.middle[b] = static_cast<float>(sums[best.column * 256 + b].middle());
    for (std::size_t i = 0; i < n; ++i)
      log_odds[i] += step.Of(fitted.BinOf(step.column, rows.score[i], bins_of(i)), score[i]);
    fitted.steps_.push_back(step);
  }
}

double SliceCorrection::Apply(float score, const std::uint8_t* bins) const {
  if (steps_.empty()) return score;
  const double of_score = CellCounter::LogOdds(score);
  double log_odds = of_score;
  for (const Step& step : steps_) log_odds += step.Of(BinOf(step.column, score, bins), of_score);
  return CellCounter::OfLogOdds(log_odds);
}

std::vector<std::size_t> SliceCorrection::Columns() const {
  std::vector<std::size_t> columns;
  for (const Step& step : steps_) {
    if (std::ranges::count(columns, step.column) == 0) columns.push_back(step.column);
  }
  return columns;
}

}  // namespace gfr
