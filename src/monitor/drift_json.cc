#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"
#include "monitor/bin_names.h"
#include "monitor/drift_report.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Json TimeOrNull(std::int64_t time_ms) { return time_ms == 0 ? Json() : Json(FormatTime(time_ms)); }

Json PartJson(const ReportedObjective::Part& part) {
  return {{"from", FormatTime(part.from_ms)},
          {"to", FormatTime(part.to_ms)},
          {"rows", part.rows},
          {"positives", part.positives},
          {"mean_prediction", JsonNumber(part.mean_prediction)}};
}

Json EstimateJson(const Estimate& estimate) {
  return {{"value", JsonNumber(estimate.value)},
          {"interval", {JsonNumber(estimate.interval.low), JsonNumber(estimate.interval.high)}}};
}

Json QualityWindowJson(const QualityWindow& w) {
  Json json{{"from", FormatTime(w.from_ms)}, {"to", FormatTime(w.to_ms)}, {"rows", w.rows}, {"graded", w.graded}};
  for (std::size_t m = 0; m < kQualityMetrics; ++m) {
    json[kQualityNames[m]] = {{"expected", EstimateJson(w.expected[m])}};
    if (w.graded) json[kQualityNames[m]]["measured"] = JsonNumber(w.measured[m]);
  }
  if (!std::isnan(w.expected_value.value)) {
    json["ranking_value"] = {{"expected", EstimateJson(w.expected_value)}};
    if (w.graded) json["ranking_value"]["measured"] = JsonNumber(w.measured_value);
  }
  if (!w.graded) {
    json["says"] = "if still calibrated";
    const Estimate& early = w.early_observed_over_expected;
    json["observed_over_expected"] = std::isnan(early.value) ? Json("cannot know") : EstimateJson(early);
  }
  return json;
}

Json QualityJson(const ReportedQuality& q) {
  Json json{{"corrected_by", q.corrected_by},
            {"fitted_rows", q.fitted_rows},
            {"grades", Json::object()},
            {"pending", q.pending.rows == 0 ? Json() : QualityWindowJson(q.pending)},
            {"windows", Json::array()}};
  for (std::size_t m = 0; m < kQualityMetrics; ++m)
    json["grades"][kQualityNames[m]] = {{"windows", q.grades.graded(m)},
                                        {"coverage", EstimateJson(q.grades.Coverage(m))},
                                        {"width", JsonNumber(q.grades.Width(m))}};
  if (q.value_grades.graded() > 0) {
    json["grades"]["ranking_value"] = {{"windows", q.value_grades.graded()},
                                       {"coverage", EstimateJson(q.value_grades.Coverage())},
                                       {"width", JsonNumber(q.value_grades.Width())}};
  }
  for (const QualityWindow& window : q.windows) json["windows"].push_back(QualityWindowJson(window));
  return json;
}

Json ObjectiveJson(const ReportedObjective& objective) {
  Json json{{"name", objective.name},
            {"rows", objective.all.rows},
            {"positives", objective.all.positives},
            {"base_rate", EstimateJson(objective.base_rate)},
            {"reference_base_rate", JsonNumber(objective.reference_rate)},
            {"mean_prediction", JsonNumber(objective.all.mean_prediction)},
            {"observed_over_expected", EstimateJson(objective.observed_over_expected)},
            {"ece", EstimateJson(objective.ece)},
            {"days", Json::array()},
            {"quality", objective.quality.windows.empty() ? Json() : QualityJson(objective.quality)}};
  for (const ReportedObjective::Part& day : objective.days) json["days"].push_back(PartJson(day));
  return json;
}

}  // namespace

Json AlertToJson(const DriftAlert& a) {
  Json json{{"id", a.id},
            {"kind", AlertKindName(a.kind)},
            {"name", a.name},
            {"metric", a.metric},
            {"model", a.model},
            {"open", a.open},
            {"since", FormatTime(a.since_ms)},
            {"found", FormatTime(a.found_ms)},
            {"until", FormatTime(a.until_ms)},
            {"value", JsonNumber(a.value)},
            {"expected", JsonNumber(a.expected)},
            {"score", JsonNumber(a.score)},
            {"threshold", JsonNumber(a.threshold)},
            {"price_a_day", JsonNumber(a.price_a_day)},
            {"grouped", a.grouped},
            {"text", a.text}};
  return json;
}

Json ColumnToJson(const ReportedColumn& c, const ReferenceColumn& reference) {
  const Distances& d = c.drift.distances;
  Json json{{"name", c.drift.name},
            {"category", c.drift.categorical},
            {"of_request", c.drift.of_request},
            {"moves", c.drift.moves},
            {"first_seen", TimeOrNull(c.first_seen_ms)},
            {"score", JsonNumber(c.drift.score)},
            {"labels_a_day", JsonNumber(c.drift.labels_a_day)},
            {"metric", c.drift.metric},
            {"value", JsonNumber(c.drift.value)},
            {"expected", JsonNumber(c.drift.expected)},
            {"missing", JsonNumber(d.missing)},
            {"reference_missing", JsonNumber(d.reference_missing)}};
  json[c.drift.categorical ? "unseen" : "out_of_range"] = JsonNumber(d.out_of_range);
  if (c.drift.categorical) json["unseen_values"] = c.unseen;
  json["psi"] = JsonNumber(d.psi);
  json["jensen_shannon"] = JsonNumber(d.jensen_shannon);
  json["hellinger"] = JsonNumber(d.hellinger);
  json["l_infinity"] = JsonNumber(d.l_infinity);
  json["chi_square"] = JsonNumber(d.chi_square);
  json["chi_square_p"] = JsonNumber(d.chi_square_p);
  if (!c.drift.categorical) {
    json["ks"] = JsonNumber(d.ks);
    json["wasserstein"] = JsonNumber(d.wasserstein);
    json["range"] = {JsonNumber(c.counts.least), JsonNumber(c.counts.most)};
    json["reference_range"] = {JsonNumber(reference.counts.least), JsonNumber(reference.counts.most)};
  }
  json["bins"] = Json::array();
  for (std::size_t b = 0; b < c.counts.counts.size(); ++b)
    json["bins"].push_back({{"name", BinName(reference, b)},
                            {"rows", c.counts.counts[b]},
                            {"reference_rows", reference.counts.counts[b]},
                            {"reference_positives", reference.positives[b]}});
  return json;
}

std::string DriftToJson(const DriftReport& r) {
  const Reference& reference = r.references.features;
  Json json{{"project", r.project},
            {"against", r.against},
            {"from", FormatTime(r.from_ms)},
            {"to", FormatTime(r.to_ms)},
            {"objective", reference.objective},
            {"rows", r.rows},
            {"reference",
             {{"from", FormatTime(reference.from_ms)},
              {"to", FormatTime(reference.to_ms)},
              {"rows", reference.rows},
              {"days", r.reference_days}}},
            {"period", FormatDuration(r.options.period_ms)},
            {"prior_period", FormatDuration(r.options.prior_period_ms)},
            {"min_rows", r.options.min_rows},
            {"false_alerts", r.options.false_alerts},
            {"threshold", JsonNumber(r.threshold)},
            {"label_worth", JsonNumber(r.label_worth)},
            {"notes", r.notes},
            {"alerts", Json::array()},
            {"objectives", Json::array()},
            {"columns", Json::array()},
            {"windows", Json::array()}};
  if (r.simulated) json["simulated"] = true;
  for (const DriftAlert& alert : r.alerts) json["alerts"].push_back(AlertToJson(alert));
  for (const ReportedObjective& objective : r.objectives) json["objectives"].push_back(ObjectiveJson(objective));
  for (const ReportedColumn& column : r.columns) {
    json["columns"].push_back(ColumnToJson(column, reference.columns[column.at]));
    json["columns"].back()["value_a_day"] = JsonNumber(column.drift.labels_a_day * r.label_worth);
  }
  for (std::size_t w = 0; w < r.windows.size(); ++w) {
    Json scores = Json::object();
    for (const ReportedColumn& column : r.columns) scores[column.drift.name] = JsonNumber(column.scores[w]);
    json["windows"].push_back({{"from", FormatTime(r.windows[w].from_ms)},
                               {"to", FormatTime(r.windows[w].to_ms)},
                               {"rows", r.windows[w].rows},
                               {"scores", std::move(scores)}});
  }
  return DumpJson(json, 2);
}

}  // namespace gfr
