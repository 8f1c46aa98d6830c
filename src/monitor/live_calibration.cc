#include "monitor/live_calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/time.h"
#include "stats/confidence_sequence.h"

namespace gfr {
namespace {

constexpr int kSequences = 7;  // Begun at as many days.
constexpr std::int64_t kWeekMs = 7 * kDayMs;
constexpr double kNoRatio = std::numeric_limits<double>::quiet_NaN();

struct LabelledHour {
  std::int64_t from_ms;
  double observed, expected, rows;
};

// Sums of the hours before an index.
struct Sums {
  double observed = 0, expected = 0, rows = 0, hours = 0, oo = 0, oe = 0, ee = 0;
  Sums Less(const Sums& b) const {
    return {
        observed - b.observed, expected - b.expected, rows - b.rows, hours - b.hours, oo - b.oo, oe - b.oe, ee - b.ee};
  }
  double ratio() const { return expected > 0 ? observed / expected : kNoRatio; }
  // Hours are clusters; never less than if labels were independent.
  double error() const {
    if (hours < 2 || !(expected > 0)) return kNoRatio;
    const double r = ratio(), squares = std::max(0.0, oo - 2 * r * oe + r * r * ee);
    return std::max(std::sqrt(hours / (hours - 1) * squares), std::sqrt(std::max(observed, 1.0))) / expected;
  }
};

class Slice {
 public:
  Slice(const LiveSlices& slices, std::size_t id, std::int64_t labels_until_ms) {
    sums_.emplace_back();
    for (const auto& [hour, of_hour] : slices.hours()) {
      if (id >= of_hour.size() || hour + kHourMs > labels_until_ms || of_hour[id].labelled == 0) continue;
      const SliceSums& s = of_hour[id];
      const LabelledHour h{hour, static_cast<double>(s.positives), static_cast<double>(s.expected) / SliceSums::kOne,
                           static_cast<double>(s.labelled)};
      Sums next = sums_.back();
      next.observed += h.observed;
      next.expected += h.expected;
      next.rows += h.rows;
      ++next.hours;
      next.oo += h.observed * h.observed;
      next.oe += h.observed * h.expected;
      next.ee += h.expected * h.expected;
      hours_.push_back(h);
      sums_.push_back(next);
    }
  }
  bool empty() const { return hours_.empty(); }
  const std::vector<LabelledHour>& hours() const { return hours_; }
  std::size_t IndexAt(std::int64_t time_ms) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(hours_, time_ms, {}, &LabelledHour::from_ms) -
                                    hours_.begin());
  }
  Sums Of(std::size_t first, std::size_t end) const { return sums_[end].Less(sums_[first]); }

 private:
  std::vector<LabelledHour> hours_;
  std::vector<Sums> sums_;
};

struct Target {
  double ratio = 1, error = 0;
};

struct Crossing {
  double score = 0;  // Above 1: the whole sequence is beyond the margin.
  std::int64_t since_ms = 0;
  Sums sums;
  double target = 1;
};

class SliceWatch {
 public:
  SliceWatch(const Slice& slice, std::int64_t first_ms, double alpha, double margin)
      : slice_(slice), first_ms_(first_ms), margin_(margin) {
    const Sums all = slice.Of(0, slice.hours().size());
    const double days =
        std::max(1.0, static_cast<double>(slice.hours().back().from_ms - slice.hours().front().from_ms) / kDayMs);
    sequence_ = std::make_unique<ConfidenceSequence>(alpha, std::max(100.0, all.rows / days));
    const Sums week = slice.Of(0, slice.IndexAt(first_ms + kWeekMs));
    if (week.expected >= kLeastExpected && week.observed > 0 && !std::isnan(week.error()))
      anchor_ = {week.ratio(), week.error()};
  }
  // By what was known when hour `last` was over.
  Crossing At(std::size_t last) const {
    Crossing most;
    const std::int64_t day_ms = slice_.hours()[last].from_ms / kDayMs * kDayMs;
    for (int k = 0; k < kSequences; ++k) {
      const std::int64_t start_ms = day_ms - k * kDayMs;
      const std::size_t first = slice_.IndexAt(start_ms);
      const Sums sums = slice_.Of(first, last + 1);
      if (sums.hours < kLeastHours || sums.expected < kLeastExpected) continue;
      const Target target = start_ms >= first_ms_ + kWeekMs ? anchor_ : Target{};
      const double half = sequence_->HalfWidth(std::hypot(sums.error(), target.error), sums.rows);
      const double score = (std::fabs(sums.ratio() - target.ratio) - margin_ * target.ratio) / half;
      if (score > most.score) most = {score, slice_.hours()[first].from_ms, sums, target.ratio};
    }
    return most;
  }

 private:
  const Slice& slice_;
  const std::int64_t first_ms_;
  const double margin_;
  std::unique_ptr<ConfidenceSequence> sequence_;
  Target anchor_;
};

void Update(const Crossing& crossing, std::int64_t until_ms, DriftAlert* alert) {
  alert->until_ms = until_ms;
  alert->value = crossing.sums.ratio();
  alert->expected = crossing.target;
  alert->score = crossing.score;
  const double days = crossing.sums.hours / 24;
  alert->price_a_day = std::fabs(crossing.sums.observed - crossing.target * crossing.sums.expected) / days;
  alert->text = fmt::format("calibration of '{}' drifts since {}: observed/expected is {:.3g}, usually {:.3g}",
                            alert->name, FormatTime(alert->since_ms), alert->value, alert->expected);
}

void WatchSlice(const Slice& slice, const std::string& name, const SliceWatch& watch, const std::string& model,
                std::vector<DriftAlert>* alerts) {
  bool open = false;
  std::int64_t above_ms = 0;
  for (std::size_t h = 0; h < slice.hours().size(); ++h) {
    const Crossing crossing = watch.At(h);
    const std::int64_t end_ms = slice.hours()[h].from_ms + kHourMs;
    if (crossing.score > 1 && !open) {
      DriftAlert alert{.kind = AlertKind::kCalibration,
                       .name = name,
                       .metric = "observed_over_expected",
                       .model = model,
                       .since_ms = crossing.since_ms,
                       .found_ms = end_ms,
                       .threshold = 1};
      alert.id = fmt::format("calibration/{}/{}", name, FormatTime(alert.since_ms));
      alerts->push_back(std::move(alert));
      open = true;
    }
    if (!open) continue;
    DriftAlert& alert = alerts->back();
    if (crossing.score > 1) {
      above_ms = end_ms;
      Update(crossing, end_ms, &alert);
    }
    alert.until_ms = end_ms;
    alert.open = open = end_ms - above_ms < kDayMs;
  }
}

SliceState StateOf(const LiveSlices& slices, std::size_t id, const Slice& labelled, std::int64_t until_ms) {
  SliceState state{.name = slices.names()[id], .last_day = {}, .observed_over_expected = {}};
  for (auto hour = slices.hours().lower_bound(until_ms - kDayMs); hour != slices.hours().end(); ++hour) {
    if (hour->first < until_ms && id < hour->second.size()) state.last_day.Add(hour->second[id]);
  }
  if (labelled.empty()) return state;
  const std::int64_t last_ms = labelled.hours().back().from_ms + kHourMs;
  const Sums week = labelled.Of(labelled.IndexAt(last_ms - kWeekMs), labelled.hours().size());
  const double half = 1.96 * week.error();
  state.observed_over_expected = {week.ratio(), {week.ratio() - half, week.ratio() + half}};
  return state;
}

// Hours [from_ms, to_ms) by step of the score. `labelled`: of the rows with labels.
std::vector<ScoredCell> CellsOf(const LiveSlices& slices, std::int64_t from_ms, std::int64_t to_ms, bool labelled) {
  std::map<double, SliceSums> by_score;
  for (auto hour = slices.hours().lower_bound(from_ms); hour != slices.hours().end() && hour->first < to_ms; ++hour) {
    for (std::size_t id = 0; id < hour->second.size(); ++id) {
      const double score = LiveSlices::ScoreOf(slices.names()[id]);
      if (!std::isnan(score)) by_score[score].Add(hour->second[id]);
    }
  }
  std::vector<ScoredCell> cells;
  for (const auto& [score, s] : by_score) {
    const std::uint64_t rows = labelled ? s.labelled : s.rows;
    if (rows == 0) continue;
    const double mean =
        static_cast<double>(labelled ? s.expected : s.predicted) / SliceSums::kOne / static_cast<double>(rows);
    cells.push_back({.score = mean,
                     .probability = mean,
                     .rows = static_cast<double>(rows),
                     .positives = static_cast<double>(s.positives)});
  }
  return cells;
}

double RowsOf(const std::vector<ScoredCell>& cells) {
  double rows = 0;
  for (const ScoredCell& cell : cells) rows += cell.rows;
  return rows;
}

LiveQuality QualityOf(const LiveSlices& slices, const CalibrationQuestion& question, const DriftOptions& options) {
  LiveQuality quality;
  if (slices.hours().empty()) return quality;
  double over = 0, squares = 0;  // Of windows' observed less expected beyond chance, as slice_correction.h has it.
  const auto shift = [&] { return squares > 0 ? std::sqrt(std::max(0.0, over / squares)) : 0; };
  std::int64_t from_ms = slices.hours().begin()->first;
  for (std::int64_t to_ms = from_ms; to_ms < question.labels_until_ms;) {
    to_ms = std::min((to_ms / options.prior_period_ms + 1) * options.prior_period_ms, question.labels_until_ms);
    const std::vector<ScoredCell> cells = CellsOf(slices, from_ms, to_ms, true);
    if (RowsOf(cells) < static_cast<double>(options.min_rows)) continue;
    const QualityValues width = quality.grades.Widths();
    quality.grades.Add(
        EstimateQuality(cells, {.shift = shift(), .seed = static_cast<std::uint64_t>(from_ms / kHourMs)}, width), width,
        MeasureQuality(cells));
    if (question.values != nullptr) {
      const ValueSums value = question.values->Between(from_ms, to_ms).labelled;
      const double value_width = quality.value_grades.Width();
      quality.value_grades.Add(value.Expected(shift(), value_width), value_width, value.Measured());
    }
    double off = 0, variance = 0;
    for (const ScoredCell& cell : cells) {
      off += cell.positives - cell.rows * cell.probability;
      variance += cell.rows * cell.probability * (1 - cell.probability);
    }
    over += off * off - variance;
    squares += variance * variance;
    from_ms = to_ms;
  }
  const std::vector<ScoredCell> pending = CellsOf(slices, question.labels_until_ms, question.until_ms, false);
  quality.pending_rows = static_cast<std::uint64_t>(RowsOf(pending));
  quality.pending = EstimateQuality(pending, {.shift = shift()}, quality.grades.Widths());
  if (question.values != nullptr)
    quality.pending_value = question.values->Between(question.labels_until_ms, question.until_ms)
                                .served.Expected(shift(), quality.value_grades.Width());
  return quality;
}

}  // namespace

LiveCalibration JudgeCalibration(const LiveSlices& slices, const CalibrationQuestion& question,
                                 const DriftOptions& options) {
  LiveCalibration judged;
  std::vector<std::pair<std::size_t, Slice>> watched;
  for (std::size_t id = 0; id < slices.names().size(); ++id) {
    if (std::isnan(LiveSlices::ScoreOf(slices.names()[id])))
      watched.emplace_back(id, Slice(slices, id, question.labels_until_ms));
  }
  const double alpha = std::min(
      0.1, question.alerts_a_day * 30 / kSequences / static_cast<double>(std::max<std::size_t>(1, watched.size())));
  const std::int64_t first_ms = watched[0].second.empty() ? 0 : watched[0].second.hours().front().from_ms;
  for (const auto& [id, slice] : watched) {
    judged.slices.push_back(StateOf(slices, id, slice, question.until_ms));
    if (slice.empty()) continue;
    const std::string name =
        id == LiveSlices::kAll ? question.objective : question.objective + " " + slices.names()[id];
    WatchSlice(slice, name, SliceWatch(slice, first_ms, alpha, options.calibration_margin), question.model,
               &judged.alerts);
  }
  std::ranges::stable_sort(judged.slices.begin() + 1, judged.slices.end(), std::greater<>(),
                           [](const SliceState& s) { return s.last_day.rows; });
  judged.quality = QualityOf(slices, question, options);
  const auto week = CellsOf(slices, question.labels_until_ms - kWeekMs, question.labels_until_ms, true);
  double off = 0;
  for (const ScoredCell& cell : week) off += std::fabs(cell.positives - cell.rows * cell.probability);
  judged.ece = week.empty() ? kNoRatio : off / RowsOf(week);
  return judged;
}

}  // namespace gfr
