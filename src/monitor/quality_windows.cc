#include "monitor/quality_windows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/slice_correction.h"

namespace gfr {
namespace {

constexpr QualityValues kNotMeasured = {std::numeric_limits<double>::quiet_NaN(),
                                        std::numeric_limits<double>::quiet_NaN(),
                                        std::numeric_limits<double>::quiet_NaN()};

// The rows that have a score, with the bins of their columns.
struct Prepared {
  std::vector<std::int64_t> arrival_ms;
  std::vector<float> score, early, whole, worth;
  std::vector<std::uint8_t> bins;  // Row-major.
  std::size_t columns = 0;
  std::size_t size() const { return score.size(); }
  const std::uint8_t* bins_of(std::size_t row) const { return bins.data() + row * columns; }
  // Rows that arrived before.
  std::size_t Before(std::int64_t time_ms) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(arrival_ms, time_ms) - arrival_ms.begin());
  }
};

Prepared Prepare(const QualityRows& from, const Reference* features, const std::vector<std::size_t>& at,
                 std::int64_t from_ms, std::int64_t to_ms) {
  Prepared made{.columns = features == nullptr ? 0 : features->columns.size()};
  const ReferenceRows& rows = from.rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.arrival_ms[i] < from_ms || rows.arrival_ms[i] >= to_ms || std::isnan(from.score[i])) continue;
    made.arrival_ms.push_back(rows.arrival_ms[i]);
    made.score.push_back(from.score[i]);
    made.early.push_back(rows.label[i]);
    made.whole.push_back(from.whole.empty() ? rows.label[i] : from.whole[i]);
    made.worth.push_back(from.worth.empty() ? std::numeric_limits<float>::quiet_NaN() : from.worth[i]);
    for (std::size_t c = 0; c < made.columns; ++c)
      made.bins.push_back(static_cast<std::uint8_t>(features->columns[c].bins.Of(rows.Value(i, at[c]))));
  }
  return made;
}

// By the first `known` rows.
SliceCorrection FitOn(const Prepared& rows, std::size_t known, std::int64_t period_ms) {
  const std::size_t taken = std::min(known, kFittedQualityRows);
  std::vector<float> score, label;
  std::vector<std::uint8_t> bins;
  std::vector<std::int64_t> window;
  for (std::size_t k = 0; k < taken; ++k) {
    const std::size_t i = k * known / taken;
    score.push_back(rows.score[i]);
    label.push_back(rows.whole[i]);
    bins.insert(bins.end(), rows.bins_of(i), rows.bins_of(i) + rows.columns);
    window.push_back(rows.arrival_ms[i] / period_ms);
  }
  return SliceCorrection::Fit({score, bins, rows.columns}, label, window);
}

// Share of the labels within the whole window that come within the early one.
double EarlyShare(const Prepared& rows, std::size_t known) {
  double early = 0, whole = 0;
  for (std::size_t i = 0; i < known; ++i) {
    early += rows.early[i];
    whole += rows.whole[i];
  }
  return whole > 0 ? early / whole : std::numeric_limits<double>::quiet_NaN();
}

class Windows {
 public:
  Windows(const QualityRows& from, const Prepared& rows, std::int64_t period_ms)
      : from_(from), rows_(rows), period_ms_(period_ms) {}

  // Rows [first, end), which begin at that time, as they would have been estimated then.
  QualityWindow Estimate(std::size_t first, std::size_t end, std::int64_t begin_ms) {
    Learn(begin_ms);
    QualityWindow window{.from_ms = rows_.arrival_ms[first],
                         .to_ms = rows_.arrival_ms[end - 1] + 1,
                         .rows = end - first,
                         .measured = kNotMeasured};
    CellCounter cells;
    ValueSums value;
    double early = 0, expected = 0;
    for (std::size_t i = first; i < end; ++i) {
      const double p = fitted_.Apply(rows_.score[i], rows_.bins_of(i));
      cells.Add(rows_.score[i], p, rows_.whole[i] > 0.5f);
      value.Add(rows_.worth[i], p, rows_.whole[i] > 0.5f);
      if (rows_.arrival_ms[i] + from_.early_ms > from_.known_until_ms) continue;
      early += rows_.early[i] > 0.5f;
      expected += p;
    }
    const QualityValues width = result.grades.Widths();
    const std::vector<ScoredCell> counted = cells.cells();
    window.expected =
        EstimateQuality(counted, {.shift = fitted_.shift(), .seed = static_cast<std::uint64_t>(first) + 1}, width);
    const double value_width = result.value_grades.Width();
    window.expected_value = value.Expected(fitted_.shift(), value_width);
    if (window.to_ms - 1 + from_.whole_ms <= from_.known_until_ms) {
      window.graded = true;
      window.measured = MeasureQuality(counted);
      window.measured_value = value.Measured();
      waiting_.push_back({result.windows.size(), width, value_width});
    } else if (from_.early_ms < from_.whole_ms && expected > 0) {
      const double all = expected * EarlyShare(rows_, known_), ratio = early / all,
                   half = 1.96 * std::sqrt(std::max(early, 1.0) / (all * all) +
                                           ratio * ratio * fitted_.shift() * fitted_.shift());
      if (all > 0) window.early_observed_over_expected = {ratio, {ratio - half, ratio + half}};
    }
    return window;
  }
  void Finish() { Grade(INT64_MAX); }

  ReportedQuality result;
  std::vector<std::size_t> corrected_by() const { return fitted_.Columns(); }

 private:
  struct Waiting {
    std::size_t window;
    QualityValues width;
    double value_width;
  };
  // What is known at `time_ms`.
  void Learn(std::int64_t time_ms) {
    Grade(time_ms);
    const std::size_t known = rows_.Before(std::min(time_ms, from_.known_until_ms) - from_.whole_ms + 1);
    if (time_ms / kDayMs == fitted_day_ && 2 * known < 3 * known_ + 2) return;
    fitted_day_ = time_ms / kDayMs;
    known_ = known;
    fitted_ = FitOn(rows_, known_, period_ms_);
    result.fitted_rows = fitted_.rows();
  }
  void Grade(std::int64_t time_ms) {
    std::erase_if(waiting_, [&](const Waiting& w) {
      const QualityWindow& window = result.windows[w.window];
      if (time_ms < INT64_MAX && window.to_ms - 1 + from_.whole_ms > time_ms) return false;
      result.grades.Add(window.expected, w.width, window.measured);
      result.value_grades.Add(window.expected_value, w.value_width, window.measured_value);
      return true;
    });
  }

  const QualityRows& from_;
  const Prepared& rows_;
  const std::int64_t period_ms_;
  SliceCorrection fitted_;
  std::int64_t fitted_day_ = INT64_MIN;
  std::size_t known_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace

ReportedQuality JudgeQuality(const QualityRows& from, const Reference* features, const std::vector<std::size_t>& at,
                             std::int64_t from_ms, std::int64_t to_ms, std::int64_t period_ms, std::uint64_t min_rows) {
  const Prepared rows = Prepare(from, features, at, from_ms, to_ms);
  Windows windows(from, rows, period_ms);
  for (std::size_t first = 0; first < rows.size();) {
    const std::int64_t start_ms = rows.arrival_ms[first] / period_ms * period_ms;
    std::size_t end = rows.Before(start_ms + period_ms);
    while (end < rows.size() && end - first < min_rows)
      end = rows.Before((rows.arrival_ms[end] / period_ms + 1) * period_ms);
    if (end - first < min_rows) break;
    QualityWindow window = windows.Estimate(first, end, rows.arrival_ms[first]);
    windows.result.windows.push_back(std::move(window));
    first = end;
  }
  windows.Finish();
  if (const std::size_t known = rows.Before(from.known_until_ms - from.whole_ms + 1); known < rows.size())
    windows.result.pending = windows.Estimate(known, rows.size(), from.known_until_ms);
  for (const std::size_t c : windows.corrected_by())
    windows.result.corrected_by.push_back(c < rows.columns    ? features->columns[c].name
                                          : c == rows.columns ? "score"
                                                              : "all rows");
  return std::move(windows.result);
}

}  // namespace gfr
