// Quality before labels: the AUC, average precision and log loss that probabilities promise of rows whose labels are
// not known yet, with an interval for what will be measured; and the grade of such intervals, once labels are known.
//
// All of it says "if still calibrated": no label takes part. A change of the rows (covariate shift) moves the estimate
// rightly as long as a row's probability is right; a change of what rows lead to (concept drift) is not seen.
//
// The value is the mean, and the interval 1.96 deviations, over draws of the labels: each draw moves all probabilities
// by one normal step of `shift` in log-odds (how far windows differ from what is believed beyond chance, by
// slice_correction.h), then draws each row's label. The interval is as much wider as earlier ones were too narrow
// (QualityGrades::Width). Thread safety: pure functions; QualityGrades a plain value.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "monitor/score_cells.h"
#include "stats/interval.h"

namespace gfr {

inline constexpr std::size_t kQualityMetrics = 3;
inline constexpr const char* kQualityNames[kQualityMetrics] = {"auc", "average_precision", "log_loss"};
using QualityValues = std::array<double, kQualityMetrics>;  // In that order; NaN: it does not exist.
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

// How estimates did whose labels are known now.
class QualityGrades {
 public:
  static constexpr double kPrior = 10;  // Windows that are taken to have been as wide as they should.

  // `given`: with the intervals that were given, each `width` times that of EstimateQuality. Metrics that do not exist
  // are left out.
  void Add(const QualityEstimates& given, const QualityValues& width, const QualityValues& measured);
  std::uint64_t graded(std::size_t metric) const { return graded_[metric]; }
  Estimate Coverage(std::size_t metric) const;  // Share of intervals that held what was measured.
  // Factor of an interval's half width, at least 1: the root mean square of the earlier ones' errors in deviations.
  double Width(std::size_t metric) const;
  QualityValues Widths() const { return {Width(0), Width(1), Width(2)}; }

 private:
  std::array<std::uint64_t, kQualityMetrics> graded_ = {}, inside_ = {};
  std::array<double, kQualityMetrics> squares_ = {};  // Of errors in deviations, as EstimateQuality gave them.
};

}  // namespace gfr
