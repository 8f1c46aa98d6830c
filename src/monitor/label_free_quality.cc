#include "monitor/label_free_quality.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr double kNoQuality = std::numeric_limits<double>::quiet_NaN();
constexpr double kNormal95 = 1.96;

// Successes of n trials. Above 30 trials Poisson's for rare ones, and the normal distribution for the others.
double DrawSuccesses(double n, double p, Rng* rng) {
  if (p > 0.5) return n - DrawSuccesses(n, 1 - p, rng);
  if (n <= 30) {
    double successes = 0;
    for (double i = 0; i < n; ++i) successes += rng->Chance(p);
    return successes;
  }
  if (n * p < 10) return std::min(n, static_cast<double>(rng->Poisson(n * p)));
  return std::clamp(std::round(n * p + std::sqrt(n * p * (1 - p)) * rng->Normal()), 0.0, n);
}

// Of `positives`, one a cell.
QualityValues Measure(std::span<const ScoredCell> cells, std::span<const double> positives) {
  double all = 0, rows = 0, loss = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double s = std::clamp(cells[i].score, 1e-15, 1 - 1e-15), n = cells[i].rows;
    all += positives[i];
    rows += n;
    loss -= positives[i] * std::log(s) + (n - positives[i]) * std::log1p(-s);
  }
  QualityValues values{kNoQuality, kNoQuality, rows > 0 ? loss / rows : kNoQuality};
  if (all == 0 || all == rows) return values;
  // From the highest score down; cells of one score are one threshold.
  double above_positive = 0, above = 0, pairs = 0, precision = 0;
  for (std::size_t end = cells.size(); end > 0;) {
    std::size_t first = end;
    double p = 0, n = 0;
    while (first > 0 && cells[first - 1].score == cells[end - 1].score) {
      --first;
      p += positives[first];
      n += cells[first].rows;
    }
    pairs += (n - p) * (above_positive + p / 2);
    above_positive += p;
    above += n;
    precision += p * above_positive / above;
    end = first;
  }
  values[0] = pairs / (all * (rows - all));
  values[1] = precision / all;
  return values;
}

}  // namespace

QualityValues MeasureQuality(std::span<const ScoredCell> cells) {
  std::vector<double> positives;
  for (const ScoredCell& cell : cells) positives.push_back(cell.positives);
  return Measure(cells, positives);
}

QualityEstimates EstimateQuality(std::span<const ScoredCell> cells, const QualityOptions& options,
                                 const QualityValues& width) {
  Rng rng(options.seed);
  std::vector<double> log_odds, positives(cells.size());
  for (const ScoredCell& cell : cells) log_odds.push_back(CellCounter::LogOdds(cell.probability));
  QualityValues sum = {}, squares = {}, draws = {};
  for (int draw = 0; draw < options.draws; ++draw) {
    const double step = options.shift * rng.Normal();
    for (std::size_t i = 0; i < cells.size(); ++i)
      positives[i] = DrawSuccesses(cells[i].rows, CellCounter::OfLogOdds(log_odds[i] + step), &rng);
    const QualityValues values = Measure(cells, positives);
    for (std::size_t m = 0; m < kQualityMetrics; ++m) {
      if (std::isnan(values[m])) continue;
      sum[m] += values[m];
      squares[m] += values[m] * values[m];
      ++draws[m];
    }
  }
  QualityEstimates estimates;
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    if (draws[m] < 2) continue;
    const double mean = sum[m] / draws[m],
                 variance = std::max(0.0, (squares[m] - draws[m] * mean * mean) / (draws[m] - 1)),
                 half = kNormal95 * std::sqrt(variance) * width[m];
    estimates[m] = {mean, {mean - half, mean + half}};
  }
  return estimates;
}

Estimate ValueSums::Expected(double shift, double width) const {
  if (rows == 0) return {};
  const double mean = expected / rows,
               half = kNormal95 * std::sqrt(variance + shift * shift * slope * slope) / rows * width;
  return {mean, {mean - half, mean + half}};
}

void MetricGrade::Add(const Estimate& given, double width, double measured) {
  const double deviation = (given.interval.high - given.value) / kNormal95 / width;
  if (std::isnan(measured) || !(deviation > 0)) return;
  ++graded_;
  inside_ += measured >= given.interval.low && measured <= given.interval.high;
  const double off = (measured - given.value) / deviation;
  squares_ += off * off;
}

Estimate MetricGrade::Coverage() const { return Share(static_cast<double>(inside_), static_cast<double>(graded_)); }

double MetricGrade::Width() const {
  return std::max(kNarrowest, std::sqrt((kPrior + squares_) / (kPrior + static_cast<double>(graded_))));
}

}  // namespace gfr
