#include "monitor/drift_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "monitor/alert_groups.h"
#include "monitor/detector.h"
#include "monitor/live_fold.h"
#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr double kNotThere = std::numeric_limits<double>::quiet_NaN();

void AddDay(std::int64_t time_ms, bool positive, float prediction,
            std::map<std::int64_t, ReportedObjective::Part>* days, std::map<std::int64_t, double>* predicted) {
  const std::int64_t day = time_ms / kDayMs * kDayMs;
  ReportedObjective::Part& part = (*days)[day];
  part.from_ms = day;
  part.to_ms = day + kDayMs;
  ++part.rows;
  part.positives += positive;
  (*predicted)[day] += prediction;
}

// Observed over expected, with the days of the range as the blocks that its interval is made of: a day's rows have
// weather, campaigns and users in common.
Estimate ObservedOverExpected(const std::vector<ReportedObjective::Part>& days) {
  double observed = 0, expected = 0;
  for (const ReportedObjective::Part& day : days) {
    observed += static_cast<double>(day.positives);
    expected += day.mean_prediction * static_cast<double>(day.rows);
  }
  if (!(expected > 0)) return {kNotThere, {kNotThere, kNotThere}};
  const double ratio = observed / expected;
  if (days.size() < 2) {  // One block says nothing of its deviation: as if rows were independent.
    const double half = 1.96 * std::sqrt(std::max(observed, 1.0)) / expected;
    return {ratio, {ratio - half, ratio + half}};
  }
  double squares = 0;
  for (const ReportedObjective::Part& day : days) {
    const double off = static_cast<double>(day.positives) - ratio * day.mean_prediction * static_cast<double>(day.rows);
    squares += off * off;
  }
  const auto n = static_cast<double>(days.size());
  const double half = 1.96 * std::sqrt(squares * n / (n - 1)) / expected;
  return {ratio, {ratio - half, ratio + half}};
}

}  // namespace

namespace {

// The model's own probabilities share the budget where they are compared.
std::size_t TracksOf(const DriftReport& report) {
  return 1 + report.references.priors.size() +
         static_cast<std::size_t>(
             std::ranges::count_if(report.references.features.columns, &ReferenceColumn::is_prediction));
}

struct JudgedPart {
  std::vector<std::size_t> columns;  // Of the reference.
  std::vector<std::vector<float>> scores;
  std::vector<bool> moves;
  std::vector<std::int64_t> first_crossed_ms;
};

// Judges these columns by themselves. `alone`: they are judged against the week before, of the rows in the range.
JudgedPart JudgePart(std::vector<std::size_t> columns, const std::vector<ReferenceWindow>& windows, bool alone,
                     DriftReport* report) {
  JudgedPart judged{.columns = std::move(columns), .scores = {}, .moves = {}, .first_crossed_ms = {}};
  const DriftOptions& options = report->options;
  const Reference part = PartOf(report->references.features, judged.columns);
  const QuietModel quiet(part, JoinWindows(part.windows, options.period_ms, options.min_rows),
                         options.AlertsADay(TracksOf(*report)), alone);
  if (!alone) {
    report->threshold = quiet.threshold();
    report->reference_days = quiet.days();
  }
  Detector detector(part, quiet, report->against, AlertKind::kFeature, !alone);
  judged.scores.resize(judged.columns.size());
  for (const ReferenceWindow& window : PartOf(report->references.features, judged.columns, windows)) {
    detector.Judge(window);
    for (std::size_t c = 0; c < judged.scores.size(); ++c)
      judged.scores[c].push_back(static_cast<float>(detector.scores()[c]));
  }
  for (std::size_t c = 0; c < judged.columns.size(); ++c) judged.moves.push_back(quiet.Moves(c));
  judged.first_crossed_ms = detector.first_crossed_ms();
  report->alerts.insert(report->alerts.end(), detector.alerts().begin(), detector.alerts().end());
  return judged;
}

}  // namespace

void JudgeColumns(const ReferenceRows& rows, const std::vector<std::size_t>& at,
                  const std::map<float, std::string>& names, DriftReport* report) {
  const Reference& reference = report->references.features;
  std::vector<BinCounts> all;
  report->windows = JoinWindows(CountWindows(reference, at, rows, report->from_ms, report->to_ms, &all),
                                report->options.period_ms, report->options.min_rows);
  report->rows = all.empty() ? 0 : all[0].rows();
  const double days =
      std::max(1e-9, static_cast<double>(report->to_ms - report->from_ms) / static_cast<double>(kDayMs));
  std::vector<std::size_t> served, predicted;
  for (std::size_t c = 0; c < reference.columns.size(); ++c)
    (reference.columns[c].is_prediction() ? predicted : served).push_back(c);
  for (const bool alone : {false, true}) {
    if (alone && predicted.empty()) continue;
    JudgedPart judged = JudgePart(alone ? predicted : served, report->windows, alone, report);
    for (std::size_t i = 0; i < judged.columns.size(); ++i) {
      const std::size_t c = judged.columns[i];
      ReportedColumn column{
          .drift = DriftOf(reference, c, all[c], static_cast<double>(report->rows) / days), .at = c, .counts = all[c]};
      for (const float score : judged.scores[i]) {
        // Of NaN no comparison holds.
        if (!(score <= column.drift.score)) column.drift.score = std::isnan(score) ? column.drift.score : score;
      }
      column.drift.moves = judged.moves[i];
      column.first_seen_ms = judged.first_crossed_ms[i];
      column.scores = std::move(judged.scores[i]);
      for (const float code : column.counts.unseen) {
        const auto name = names.find(code);
        column.unseen.push_back(name == names.end() ? fmt::format("{:.0f}", code) : name->second);
      }
      report->columns.push_back(std::move(column));
    }
  }
  if (std::isinf(report->threshold))
    report->notes.push_back(fmt::format("no alerts: the reference has windows of {} days, and {} are needed",
                                        report->reference_days, QuietModel::kLeastDays));
  for (ReferenceWindow& window : report->windows) window.counts = {};
}

void JudgePrior(const std::string& objective, const ReferenceRows& rows, std::span<const float> prediction,
                DriftReport* report) {
  ReportedObjective judged{.name = objective};
  std::map<std::int64_t, ReportedObjective::Part> days;
  std::map<std::int64_t, double> predicted;
  double sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.arrival_ms[i] < report->from_ms || rows.arrival_ms[i] >= report->to_ms) continue;
    const float p = prediction.empty() ? std::nanf("") : prediction[i];
    AddDay(rows.arrival_ms[i], rows.label[i] > 0.5f, p, &days, &predicted);
    ++judged.all.rows;
    judged.all.positives += rows.label[i] > 0.5f;
    sum += p;
  }
  for (auto& [day, part] : days) {
    part.mean_prediction = predicted[day] / static_cast<double>(part.rows);
    judged.days.push_back(part);
  }
  judged.all.from_ms = report->from_ms;
  judged.all.to_ms = report->to_ms;
  judged.all.mean_prediction = judged.all.rows == 0 ? kNotThere : sum / static_cast<double>(judged.all.rows);
  judged.base_rate = Share(static_cast<double>(judged.all.positives), static_cast<double>(judged.all.rows));
  judged.observed_over_expected = ObservedOverExpected(judged.days);
  const auto prior = std::ranges::find(report->references.priors, objective, &Reference::objective);
  if (prior != report->references.priors.end() && prior->rows > 0) {
    judged.reference_rate = static_cast<double>(prior->positives) / static_cast<double>(prior->rows);
    const std::int64_t period_ms = report->options.prior_period_ms;
    const QuietModel quiet(*prior, JoinWindows(prior->windows, period_ms, report->options.min_rows),
                           report->options.AlertsADay(TracksOf(*report)));
    Detector detector(*prior, quiet, report->against, AlertKind::kPrior);
    for (const ReferenceWindow& window :
         JoinWindows(CountWindows(*prior, {0}, LabelsOf(rows), report->from_ms, report->to_ms), period_ms,
                     report->options.min_rows))
      detector.Judge(window);
    report->alerts.insert(report->alerts.end(), detector.alerts().begin(), detector.alerts().end());
  }
  report->objectives.push_back(std::move(judged));
}

void SortReport(DriftReport* report) {
  report->alerts = GroupCauses(std::move(report->alerts));
  std::ranges::stable_sort(report->columns, [](const ReportedColumn& a, const ReportedColumn& b) {
    const bool seen_a = a.first_seen_ms > 0, seen_b = b.first_seen_ms > 0;
    if (seen_a != seen_b) return seen_a;
    return a.drift.labels_a_day > b.drift.labels_a_day;
  });
}

}  // namespace gfr
