// Quality before labels: the AUC, average precision and log loss that probabilities promise of rows whose labels are
// not known yet, with an interval for what will be measured; and the grade of such intervals, once labels are known.
//
// All of it says "if still calibrated": no label takes part. A change of the rows (covariate shift) moves the estimate
// rightly as long as a row's probability is right; a change of what rows lead to (concept drift) is not seen.
//
// The value is the mean, and the interval 1.96 deviations, over draws of the labels: each draw moves all probabilities
// by one normal step of `shift` in log-odds (how far windows differ from what is believed beyond chance, by
// slice_correction.h), then draws each row's label. The interval is as wide as the errors of earlier ones ask for
// (MetricGrade::Width). Thread safety: pure functions; the grades are plain values.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "monitor/score_cells.h"
#include "stats/interval.h"

namespace gfr {

inline constexpr std::size_t kQualityMetrics = 3;
inline constexpr const char* kQualityNames[kQualityMetrics] = {"auc", "average_precision", "log_loss"};
inline constexpr const char* kRankingValue = "ranking_value";  // The name of ValueSums.
using QualityValues = std::array<double, kQualityMetrics>;     // In that order; NaN: it does not exist.
using QualityEstimates = std::array<Estimate, kQualityMetrics>;

// By the cells' positives. REQUIRES, of all: cells in order of score.
QualityValues MeasureQuality(std::span<const ScoredCell> cells);

struct QualityOptions {
  double shift = 0;  // Log-odds.
  int draws = 100;
  std::uint64_t seed = 1;
};
// NaN: no draw had both classes (of AUC and average precision), or there are no rows. `width`: factors of the
// intervals.
QualityEstimates EstimateQuality(std::span<const ScoredCell> cells, const QualityOptions& options,
                                 const QualityValues& width = {1, 1, 1});

// The ranking value that rows promise: the mean over rows of probability x what a label of the row is worth. It needs
// no draws: with independent labels its variance is the sum of worth^2 p (1 - p), and a step of all log-odds moves it
// by the sum of worth p (1 - p). Rows without a worth (NaN) are left out. Mergeable: a sum over rows.
struct ValueSums {
  double rows = 0, expected = 0, variance = 0, slope = 0, measured = 0;
  void Add(double worth, double probability, bool positive) {
    if (std::isnan(worth)) return;
    const double v = worth * probability * (1 - probability);
    ++rows;
    expected += worth * probability;
    variance += worth * v;
    slope += v;
    measured += positive ? worth : 0;
  }
  void Add(const ValueSums& other) {
    rows += other.rows;
    expected += other.expected;
    variance += other.variance;
    slope += other.slope;
    measured += other.measured;
  }
  // `shift` and `width` as in QualityOptions and EstimateQuality. NaN: no row has a worth.
  Estimate Expected(double shift, double width) const;
  double Measured() const { return rows > 0 ? measured / rows : std::numeric_limits<double>::quiet_NaN(); }
};

// How estimates of one metric did whose labels are known now.
class MetricGrade {
 public:
  static constexpr double kPrior = 10;       // Windows that are taken to have been as wide as they should.
  static constexpr double kNarrowest = 0.5;  // Width at least.

  // `given`: with the interval that was given, `width` times that of the estimate itself. What does not exist is left
  // out.
  void Add(const Estimate& given, double width, double measured);
  std::uint64_t graded() const { return graded_; }
  Estimate Coverage() const;  // Share of intervals that held what was measured.
  // Factor of an interval's half width: the root mean square of the earlier ones' errors in deviations. Above 1 where
  // windows differ by more than was believed; below it where labels are less free than draws of them: of each request
  // that is logged only with its click, exactly one row has one.
  double Width() const;

 private:
  std::uint64_t graded_ = 0, inside_ = 0;
  double squares_ = 0;  // Of errors in deviations, as they were estimated.
};

// The same of all metrics.
class QualityGrades {
 public:
  void Add(const QualityEstimates& given, const QualityValues& width, const QualityValues& measured) {
    for (std::size_t m = 0; m < kQualityMetrics; ++m) grades_[m].Add(given[m], width[m], measured[m]);
  }
  std::uint64_t graded(std::size_t metric) const { return grades_[metric].graded(); }
  Estimate Coverage(std::size_t metric) const { return grades_[metric].Coverage(); }
  double Width(std::size_t metric) const { return grades_[metric].Width(); }
  QualityValues Widths() const { return {Width(0), Width(1), Width(2)}; }

 private:
  std::array<MetricGrade, kQualityMetrics> grades_;
};

}  // namespace gfr
