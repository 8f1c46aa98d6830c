#include "monitor/live_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/time.h"
#include "monitor/alert_groups.h"
#include "monitor/drift_report.h"
#include "monitor/live_fold.h"

namespace gfr {
namespace {

constexpr double kNoFigure = std::numeric_limits<double>::quiet_NaN();

std::vector<std::size_t> ColumnsWhere(const Reference& reference, bool of_request) {
  std::vector<std::size_t> columns;
  for (std::size_t c = 0; c < reference.columns.size(); ++c) {
    if (reference.columns[c].of_request == of_request) columns.push_back(c);
  }
  return columns;
}

std::vector<ReferenceWindow> Between(const std::vector<ReferenceWindow>& windows, std::int64_t from_ms,
                                     std::int64_t to_ms) {
  std::vector<ReferenceWindow> chosen;
  std::ranges::copy_if(windows, std::back_inserter(chosen),
                       [&](const ReferenceWindow& w) { return w.from_ms >= from_ms && w.from_ms < to_ms; });
  return chosen;
}

// One kind of windows against its reference: its alerts, the threshold, and how the last window stands.
struct Track {
  double threshold = std::numeric_limits<double>::infinity();
  std::size_t days = 0;
  std::vector<double> scores;  // Of the last window; empty: none was judged.
  std::vector<bool> moves;     // Columns that are compared with the week before.
};
Track JudgeTrack(const Reference& reference, const std::vector<ReferenceWindow>& windows, std::int64_t period_ms,
                 const DriftOptions& options, AlertKind kind, const std::string& model, bool by_the_week_before,
                 std::vector<DriftAlert>* alerts) {
  const QuietModel quiet(reference, JoinWindows(reference.windows, period_ms, options.min_rows),
                         options.AlertsADay(kLiveTracks), by_the_week_before);
  Detector detector(reference, quiet, model, kind, /*goes_on=*/!by_the_week_before);
  for (const ReferenceWindow& window : JoinWindows(windows, period_ms, options.min_rows)) detector.Judge(window);
  alerts->insert(alerts->end(), detector.alerts().begin(), detector.alerts().end());
  std::vector<bool> moves;
  for (std::size_t c = 0; c < reference.columns.size(); ++c) moves.push_back(quiet.Moves(c));
  return {quiet.threshold(), quiet.days(), detector.scores(), std::move(moves)};
}

// Each column of these windows' rows against the reference.
std::vector<ColumnDrift> DriftsOf(const Reference& reference, const std::vector<ReferenceWindow>& windows) {
  std::vector<ColumnDrift> drifts;
  const Reference sum = Rebased(reference, windows);
  if (sum.rows == 0) return drifts;
  const double days = static_cast<double>(sum.to_ms - sum.from_ms) / static_cast<double>(kDayMs);
  for (std::size_t c = 0; c < reference.columns.size(); ++c)
    drifts.push_back(DriftOf(reference, c, sum.columns[c].counts, static_cast<double>(sum.rows) / days));
  return drifts;
}

void AddColumns(const Reference& reference, const std::vector<ReferenceWindow>& last_day, const Track& track,
                LiveJudgement* judgement) {
  std::vector<ColumnDrift> drifts = DriftsOf(reference, last_day);
  for (std::size_t c = 0; c < drifts.size(); ++c) {
    if (!track.scores.empty()) drifts[c].score = track.scores[c];
    drifts[c].moves = track.moves[c];
  }
  judgement->columns.insert(judgement->columns.end(), drifts.begin(), drifts.end());
}

void JudgeLabels(const References& references, const std::vector<ReferenceWindow>& labels, const std::string& model,
                 const DriftOptions& options, LiveJudgement* judgement) {
  judgement->base_rate = judgement->reference_base_rate = kNoFigure;
  judgement->prior_threshold = std::numeric_limits<double>::infinity();
  const auto prior = std::ranges::find(references.priors, references.features.objective, &Reference::objective);
  // Of labels that never or always are, no bins are known.
  if (prior == references.priors.end() || labels.empty() || prior->columns[0].bins.codes.size() != 2) return;
  const Track track =
      JudgeTrack(*prior, labels, options.prior_period_ms, options, AlertKind::kPrior, model, false, &judgement->alerts);
  judgement->prior_threshold = track.threshold;
  judgement->reference_base_rate = static_cast<double>(prior->positives) / static_cast<double>(prior->rows);
  const Reference last = Rebased(*prior, Between(labels, labels.back().to_ms - kDayMs, INT64_MAX));
  if (last.rows > 0)
    judgement->base_rate = static_cast<double>(last.columns[0].counts.counts[1]) / static_cast<double>(last.rows);
}

}  // namespace

LiveJudgement JudgeLive(const References& references, const std::vector<ReferenceWindow>& windows,
                        const std::vector<ReferenceWindow>& labels, const std::string& model,
                        const DriftOptions& options) {
  LiveJudgement judgement{.windows = windows.size()};
  judgement.item_threshold = std::numeric_limits<double>::infinity();
  const Reference& features = references.features;
  const std::vector<std::size_t> of_request = ColumnsWhere(features, true), of_items = ColumnsWhere(features, false);
  const Reference request_part = PartOf(features, of_request), item_part = PartOf(features, of_items);
  const Track requests = JudgeTrack(request_part, PartOf(features, of_request, windows), options.period_ms, options,
                                    AlertKind::kFeature, model, false, &judgement.alerts);
  judgement.threshold = requests.threshold;
  if (std::isinf(requests.threshold))
    judgement.notes.push_back(
        fmt::format("no alerts of features: the training's rows have windows of {} days with {} "
                    "rows, and {} are needed",
                    requests.days, options.min_rows, QuietModel::kLeastDays));
  JudgeLabels(references, labels, model, options, &judgement);
  if (windows.empty()) return judgement;
  judgement.first_ms = windows.front().from_ms;
  judgement.last_ms = windows.back().to_ms;
  for (const ReferenceWindow& window : windows) judgement.rows += window.rows;
  judgement.items_from_ms = judgement.first_ms + TrailingWeek::kToMs + 2 * kDayMs;
  const auto last_day = Between(windows, judgement.last_ms - kDayMs, INT64_MAX);
  AddColumns(request_part, PartOf(features, of_request, last_day), requests, &judgement);
  const auto item_windows = PartOf(features, of_items, windows);
  const Track items = JudgeTrack(item_part, item_windows, options.period_ms, options, AlertKind::kFeature, model, true,
                                 &judgement.alerts);
  judgement.item_threshold = items.threshold;
  const Reference first_week =
      Rebased(item_part, Between(item_windows, judgement.first_ms, judgement.first_ms + LiveJudgement::kFirstWeekMs));
  AddColumns(first_week, PartOf(features, of_items, last_day), items, &judgement);
  judgement.policy_shift = DriftsOf(item_part, first_week.windows);
  std::ranges::stable_sort(judgement.policy_shift, std::greater<>(),
                           [](const ColumnDrift& c) { return c.distances.psi; });
  if (judgement.last_ms < judgement.items_from_ms)
    judgement.notes.push_back("columns of items alert from " + FormatTime(judgement.items_from_ms) +
                              " on: they are judged against the week before");
  judgement.alerts = GroupCauses(std::move(judgement.alerts));
  std::ranges::stable_sort(judgement.columns, [](const ColumnDrift& a, const ColumnDrift& b) {
    const bool judged_a = !std::isnan(a.score), judged_b = !std::isnan(b.score);
    if (judged_a != judged_b) return judged_a;
    return judged_a ? a.score > b.score : a.distances.psi > b.distances.psi;
  });
  return judgement;
}

void AddCalibration(const LiveSlices& slices, const LiveValues& values, const std::string& objective,
                    const std::string& model, std::int64_t until_ms, std::int64_t labels_until_ms,
                    const DriftOptions& options, LiveJudgement* judgement) {
  judgement->calibration = JudgeCalibration(slices,
                                            {.objective = objective,
                                             .model = model,
                                             .until_ms = until_ms,
                                             .labels_until_ms = labels_until_ms,
                                             .alerts_a_day = options.AlertsADay(kLiveTracks),
                                             .values = &values},
                                            options);
  const std::vector<DriftAlert>& found = judgement->calibration.alerts;
  judgement->alerts.insert(judgement->alerts.end(), found.begin(), found.end());
  judgement->alerts = GroupCauses(std::move(judgement->alerts));
}

namespace {

nlohmann::ordered_json EstimateToJson(const Estimate& e) {
  return {{"value", JsonNumber(e.value)}, {"interval", {JsonNumber(e.interval.low), JsonNumber(e.interval.high)}}};
}

nlohmann::ordered_json SliceToJson(const SliceState& s) {
  const auto mean = [](std::uint64_t sum, std::uint64_t rows) {
    return JsonNumber(rows == 0 ? kNoFigure : static_cast<double>(sum) / SliceSums::kOne / static_cast<double>(rows));
  };
  return {{"name", s.name},
          {"rows", s.last_day.rows},
          {"mean_prediction", mean(s.last_day.predicted, s.last_day.rows)},
          {"labelled", s.last_day.labelled},
          {"positives", s.last_day.positives},
          {"observed_over_expected", EstimateToJson(s.observed_over_expected)}};
}

nlohmann::ordered_json QualityToJson(const LiveQuality& q) {
  nlohmann::ordered_json json{{"says", "if still calibrated"}, {"pending_rows", q.pending_rows}};
  for (std::size_t m = 0; m < kQualityMetrics; ++m)
    json[kQualityNames[m]] = {{"expected", EstimateToJson(q.pending[m])},
                              {"graded", q.grades.graded(m)},
                              {"coverage", EstimateToJson(q.grades.Coverage(m))}};
  json[kRankingValue] = {{"expected", EstimateToJson(q.pending_value)},
                         {"graded", q.value_grades.graded()},
                         {"coverage", EstimateToJson(q.value_grades.Coverage())}};
  return json;
}

}  // namespace

nlohmann::ordered_json TrafficToJson(const TrafficJudgement& t) {
  nlohmann::ordered_json json{{"threshold", JsonNumber(t.threshold)},
                              {"days", t.days},
                              {"same_hour_of", t.by_hour_of_week ? "week" : "day"},
                              {"alerts", nlohmann::ordered_json::array()},
                              {"series", nlohmann::ordered_json::array()}};
  for (const DriftAlert& alert : t.alerts) json["alerts"].push_back(AlertToJson(alert));
  for (const SeriesState& s : t.series)
    json["series"].push_back({{"name", s.name},
                              {"measure", s.volume ? "events_an_hour" : "share"},
                              {"value", JsonNumber(s.value)},
                              {"usual", JsonNumber(s.usual)},
                              {"score", JsonNumber(s.score)}});
  return json;
}

nlohmann::ordered_json LiveToJson(const LiveJudgement& j) {
  using Json = nlohmann::ordered_json;
  const auto column = [](const ColumnDrift& c) {
    return Json{{"name", c.name},
                {"of_request", c.of_request},
                {"moves", c.moves},
                {"score", JsonNumber(c.score)},
                {"metric", c.metric},
                {"value", JsonNumber(c.value)},
                {"expected", JsonNumber(c.expected)},
                {"labels_a_day", JsonNumber(c.labels_a_day)},
                {"psi", JsonNumber(c.distances.psi)},
                {"missing", JsonNumber(c.distances.missing)},
                {"reference_missing", JsonNumber(c.distances.reference_missing)},
                {c.categorical ? "unseen" : "out_of_range", JsonNumber(c.distances.out_of_range)}};
  };
  Json json{{"windows", j.windows},
            {"rows", j.rows},
            {"from", j.windows == 0 ? Json() : Json(FormatTime(j.first_ms))},
            {"to", j.windows == 0 ? Json() : Json(FormatTime(j.last_ms))},
            {"threshold", JsonNumber(j.threshold)},
            {"item_threshold", JsonNumber(j.item_threshold)},
            {"prior_threshold", JsonNumber(j.prior_threshold)},
            {"base_rate", JsonNumber(j.base_rate)},
            {"reference_base_rate", JsonNumber(j.reference_base_rate)},
            {"ece", JsonNumber(j.calibration.ece)},
            {"quality", QualityToJson(j.calibration.quality)},
            {"slices", Json::array()},
            {"notes", j.notes},
            {"alerts", Json::array()},
            {"columns", Json::array()},
            {"shift_by_policy", Json::array()}};
  for (const DriftAlert& alert : j.alerts) json["alerts"].push_back(AlertToJson(alert));
  for (const SliceState& slice : j.calibration.slices) json["slices"].push_back(SliceToJson(slice));
  for (const ColumnDrift& c : j.columns) json["columns"].push_back(column(c));
  for (const ColumnDrift& c : j.policy_shift) json["shift_by_policy"].push_back(column(c));
  return json;
}

}  // namespace gfr
