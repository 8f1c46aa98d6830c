#include "monitor/detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace gfr {
namespace {

constexpr int kInARow = 2;

// Which bins most of the Freeman-Tukey statistic comes from.
std::string MainCause(const ReferenceColumn& column, const BinCounts& counts) {
  const auto n = static_cast<double>(column.counts.rows()), m = static_cast<double>(counts.rows());
  double sum = 0, missing = 0, outside = 0;
  for (std::size_t b = 0; b < counts.counts.size(); ++b) {
    const double off = std::sqrt(static_cast<double>(counts.counts[b]) / m) -
                       std::sqrt(static_cast<double>(column.counts.counts[b]) / n);
    sum += off * off;
    if (b == column.bins.missing()) missing = off * off;
    if (b == column.bins.above() || (b == 0 && !column.bins.categorical)) outside += off * off;
  }
  // What is gone from the other bins is as much again.
  if (missing > sum / 4 && missing >= outside) return "missing";
  if (outside > sum / 4) return column.bins.categorical ? "unseen" : "out_of_range";
  return "psi";
}

double LabelsADay(const Reference& reference, const ReferenceColumn& column, const BinCounts& counts,
                  double rows_a_day) {
  if (reference.rows == 0 || counts.rows() == 0) return 0;
  const double all = static_cast<double>(reference.positives) / static_cast<double>(reference.rows);
  double sum = 0;
  for (std::size_t b = 0; b < counts.counts.size(); ++b) {
    const auto rows = static_cast<double>(column.counts.counts[b]);
    if (rows == 0) continue;
    const double p = rows / static_cast<double>(reference.rows),
                 q = static_cast<double>(counts.counts[b]) / static_cast<double>(counts.rows());
    sum += std::fabs(q - p) * std::fabs(static_cast<double>(column.positives[b]) / rows - all);
  }
  return sum * rows_a_day;
}

std::string Sentence(const DriftAlert& alert, bool of_day) {
  std::string text =
      fmt::format("{} '{}' drifts since {}: {}{} is {:.3g}, usually {:.3g}", AlertKindName(alert.kind), alert.name,
                  FormatTime(alert.since_ms), alert.metric, of_day ? " over a day" : "", alert.value, alert.expected);
  if (!alert.grouped.empty())
    text += fmt::format("; with it {}{}", alert.grouped[0],
                        alert.grouped.size() > 1 ? fmt::format(" and {} more", alert.grouped.size() - 1) : "");
  return text;
}

}  // namespace

BinCounts CountsIn(const ReferenceWindow& window, std::size_t first_bin, std::size_t bins) {
  BinCounts counts(bins);
  for (std::size_t b = 0; b < bins; ++b) counts.counts[b] = window.counts[first_bin + b];
  return counts;
}

ColumnDrift DriftOf(const Reference& reference, std::size_t column, const BinCounts& counts, double rows_a_day) {
  const ReferenceColumn& of = reference.columns[column];
  ColumnDrift drift{.name = of.name,
                    .of_request = of.of_request,
                    .categorical = of.bins.categorical,
                    .score = std::numeric_limits<double>::quiet_NaN(),
                    .distances = Compare(of.bins, of.counts, counts)};
  drift.metric = MainCause(of, counts);
  const Distances& d = drift.distances;
  if (drift.metric == "missing") {
    drift.value = d.missing;
    drift.expected = d.reference_missing;
  } else if (drift.metric == "psi") {
    drift.value = d.psi;
  } else {
    drift.value = d.out_of_range;
    drift.expected = d.reference_out_of_range;
  }
  drift.labels_a_day = LabelsADay(reference, of, counts, rows_a_day);
  return drift;
}

Detector::Detector(const Reference& reference, const QuietModel& quiet, std::string model, AlertKind kind, bool goes_on)
    : reference_(reference),
      quiet_(quiet),
      model_(std::move(model)),
      kind_(kind),
      first_bin_(reference.FirstBins()),
      above_since_(reference.columns.size(), INT64_MAX),
      above_(reference.columns.size()),
      crossing_(reference.columns.size()),
      first_crossed_ms_(reference.columns.size()) {
  if (!goes_on) return;
  for (const ReferenceWindow& window : reference.windows) before_.Add(window);
}

ColumnDrift Detector::ColumnIn(const ReferenceWindow& window, std::size_t column) const {
  const double days = static_cast<double>(window.to_ms - window.from_ms) / static_cast<double>(kDayMs);
  ColumnDrift drift =
      DriftOf(reference_, column, CountsIn(window, first_bin_[column], reference_.columns[column].bins.size()),
              static_cast<double>(window.rows) / days);
  drift.score = scores_[column];
  drift.moves = quiet_.Moves(column);
  if (kind_ == AlertKind::kPrior) {
    const auto rate = [](std::uint64_t positives, std::uint64_t rows) {
      return static_cast<double>(positives) / static_cast<double>(rows);
    };
    const Bins& bins = reference_.columns[column].bins;
    drift.name = reference_.objective;
    drift.metric = "base_rate";
    drift.value = rate(window.counts[first_bin_[column] + bins.Of(1)], window.rows);
    drift.expected = rate(reference_.positives, reference_.rows);
  }
  return drift;
}

double Detector::Strength(std::size_t column) const {
  const QuietModel::Thresholds& by = quiet_.thresholds();
  const double score = crossing_[column] == Crossing::kDay ? day_scores_[column] / by.of_day
                       : above_[column] >= kInARow         ? scores_[column] / std::min(by.in_a_row, by.at_once)
                                                           : scores_[column] / by.at_once;
  return std::isnan(score) ? 0 : score;
}

void Detector::Update(const ReferenceWindow& window, const Open& open) {
  DriftAlert& alert = alerts_[open.alert];
  const std::size_t column = open.columns.front();
  const ReferenceWindow* const day = open.of_day ? day_.sum() : nullptr;
  const ColumnDrift drift = ColumnIn(day != nullptr ? *day : window, column);
  alert.until_ms = window.to_ms;
  alert.metric = drift.metric;
  alert.value = drift.value;
  alert.expected = drift.expected;
  alert.score = day != nullptr ? day_scores_[column] : drift.score;
  alert.price_a_day = drift.labels_a_day;
  alert.text = Sentence(alert, day != nullptr);
}

void Detector::OpenAlert(const ReferenceWindow& window, std::vector<std::size_t> crossed) {
  // A probability moves since what it is made of does: what has another name comes before it. What the request says
  // moves what is counted by it (a city its click rates), and not the other way round.
  std::ranges::stable_sort(crossed, std::greater<>(), [&](std::size_t c) { return Strength(c); });
  std::ranges::stable_partition(
      crossed, [&](std::size_t c) { return reference_.columns[c].of_request && crossing_[c] == Crossing::kWindow; });
  std::ranges::stable_partition(crossed, [&](std::size_t c) { return !reference_.columns[c].is_prediction(); });
  const std::size_t first = crossed.front();
  const AlertKind kind = reference_.columns[first].is_prediction() ? AlertKind::kPrediction : kind_;
  const bool of_day = crossing_[first] == Crossing::kDay;
  DriftAlert alert{.kind = kind,
                   .name = ColumnIn(window, first).name,
                   .model = model_,
                   .since_ms = CrossedSince(first),
                   .found_ms = window.to_ms,
                   .threshold = of_day ? quiet_.thresholds().of_day : quiet_.threshold()};
  alert.id = fmt::format("{}/{}/{}", AlertKindName(kind), alert.name, FormatTime(alert.since_ms));
  for (std::size_t i = 1; i < crossed.size(); ++i) alert.grouped.push_back(reference_.columns[crossed[i]].name);
  alerts_.push_back(std::move(alert));
  open_.push_back(
      {.alert = alerts_.size() - 1, .columns = std::move(crossed), .of_day = of_day, .above_ms = window.to_ms});
  Update(window, open_.back());
}

std::int64_t Detector::CrossedSince(std::size_t column) const {
  return crossing_[column] == Crossing::kDay && above_[column] == 0 ? day_.sum()->from_ms : above_since_[column];
}

void Detector::Score(const ReferenceWindow& window) {
  before_.MoveTo(window.from_ms);
  scores_ = quiet_.Scores(window, before_);
  before_.Add(window);
  day_.Add(window);
  day_scores_ = day_.sum() == nullptr ? std::vector<double>() : quiet_.DayScores(*day_.sum(), before_);
  last_ = window;
  const QuietModel::Thresholds& by = quiet_.thresholds();
  for (std::size_t c = 0; c < scores_.size(); ++c) {
    const bool at_once = scores_[c] > by.at_once, above = at_once || scores_[c] > by.in_a_row;  // False of NaN.
    if (above && above_[c] == 0) above_since_[c] = window.from_ms;
    above_[c] = above ? above_[c] + 1 : 0;
    crossing_[c] = at_once || above_[c] >= kInARow                      ? Crossing::kWindow
                   : !day_scores_.empty() && day_scores_[c] > by.of_day ? Crossing::kDay
                                                                        : Crossing::kNone;
    if (crossing_[c] != Crossing::kNone && first_crossed_ms_[c] == 0) first_crossed_ms_[c] = CrossedSince(c);
  }
}

void Detector::Judge(const ReferenceWindow& window) {
  Score(window);
  std::vector<std::size_t> crossed;  // And in no open alert.
  for (std::size_t c = 0; c < scores_.size(); ++c) {
    const bool known = std::ranges::any_of(open_, [&](const Open& o) { return std::ranges::count(o.columns, c) > 0; });
    if (crossing_[c] != Crossing::kNone && !known) crossed.push_back(c);
  }
  for (Open& open : open_) {
    DriftAlert& alert = alerts_[open.alert];
    if (++open.windows <= kGroupWindows) {
      for (const std::size_t c : crossed) {
        open.columns.push_back(c);
        alert.grouped.push_back(reference_.columns[c].name);
      }
      crossed.clear();
    }
    const bool day_is_above =
        std::ranges::any_of(open.columns, [&](std::size_t c) { return crossing_[c] == Crossing::kDay; });
    const bool is_above = std::ranges::any_of(open.columns, [&](std::size_t c) { return above_[c] > 0; });
    if (is_above || (open.of_day && day_is_above)) open.above_ms = window.to_ms;
    Update(window, open);
    alert.open = day_is_above || window.to_ms - open.above_ms < kDayMs;
  }
  std::erase_if(open_, [&](const Open& o) { return !alerts_[o.alert].open; });
  if (!crossed.empty()) OpenAlert(window, std::move(crossed));
  ForgetClosed();
}

void Detector::ForgetClosed() {
  while (alerts_.size() > kKept) {
    const auto closed = std::ranges::find(alerts_, false, &DriftAlert::open);
    if (closed == alerts_.end()) return;
    const auto at = static_cast<std::size_t>(closed - alerts_.begin());
    alerts_.erase(closed);
    for (Open& open : open_) open.alert -= open.alert > at;
  }
}

std::vector<ColumnDrift> Detector::Columns() const {
  std::vector<ColumnDrift> columns;
  for (std::size_t c = 0; c < scores_.size(); ++c) columns.push_back(ColumnIn(last_, c));
  // A column without a score comes last.
  std::ranges::stable_sort(columns, std::greater<>(), [](const ColumnDrift& c) {
    return std::isnan(c.score) ? -std::numeric_limits<double>::infinity() : c.score;
  });
  return columns;
}

}  // namespace gfr
