#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/time.h"
#include "evaluate/report.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Json Pair(const Interval& i) { return Json::array({JsonNumber(i.low), JsonNumber(i.high)}); }

Json RankingJson(const RankingMetrics& m) {
  return {{"requests", m.requests},
          {"mrr", JsonNumber(m.mrr.value)},
          {"mrr_last_of_session", JsonNumber(m.mrr_last_of_session.value)},
          {"mrr_untouched", JsonNumber(m.mrr_untouched.value)},
          {"requests_untouched", m.requests_untouched},
          {"ndcg_10", JsonNumber(m.ndcg_10.value)},
          {"intervals",
           {{"mrr", Pair(m.mrr.interval)},
            {"mrr_last_of_session", Pair(m.mrr_last_of_session.interval)},
            {"mrr_untouched", Pair(m.mrr_untouched.interval)},
            {"ndcg_10", Pair(m.ndcg_10.interval)}}}};
}

Json BinaryJson(const BinaryMetrics& m) {
  return {{"rows", m.rows},
          {"positives", m.positives},
          {"auc_roc", JsonNumber(m.auc_roc.value)},
          {"auc_pr", JsonNumber(m.auc_pr.value)},
          {"log_loss", JsonNumber(m.log_loss.value)},
          {"ece", JsonNumber(m.ece.value)},
          {"observed_over_expected", JsonNumber(m.observed_over_expected.value)},
          {"brier", JsonNumber(m.brier.value)},
          {"normalised_entropy", JsonNumber(m.normalised_entropy.value)},
          {"intervals",
           {{"auc_roc", Pair(m.auc_roc.interval)},
            {"auc_pr", Pair(m.auc_pr.interval)},
            {"log_loss", Pair(m.log_loss.interval)},
            {"ece", Pair(m.ece.interval)},
            {"observed_over_expected", Pair(m.observed_over_expected.interval)},
            {"brier", Pair(m.brier.interval)},
            {"normalised_entropy", Pair(m.normalised_entropy.interval)}}}};
}

Json ReliabilityJson(const std::vector<ReliabilityBin>& bins) {
  Json json = Json::array();
  for (const ReliabilityBin& b : bins)
    json.push_back(
        {{"rows", b.rows}, {"mean_probability", JsonNumber(b.mean_probability)}, {"observed", JsonNumber(b.observed)}});
  return json;
}

Json BiasJson(const PositionBias& b) {
  Json bias{{"exponent", JsonNumber(b.exponent.value)}, {"exponent_interval", Pair(b.exponent.interval)}};
  for (const PositionBias::Place& p : b.places)
    bias["places"].push_back({{"position", p.position},
                              {"rows", p.rows},
                              {"positives", p.positives},
                              {"examined", JsonNumber(p.examined.value)},
                              {"interval", Pair(p.examined.interval)}});
  return bias;
}

Json GroupedJson(const GroupedMetrics& m) {
  Json json{{"groups", m.groups}, {"with_positive", m.with_positive}, {"with_both", m.with_both}};
  for (const auto& [name, e] :
       {std::pair{"auc", m.auc}, {"map", m.map}, {"mrr", m.mrr}, {"ndcg_10", m.ndcg}, {"recall_10", m.recall}})
    json[name] = {{"value", JsonNumber(e.value)}, {"interval", Pair(e.interval)}};
  return json;
}

Json SlicesJson(const ObjectiveReport& o) {
  Json json = Json::array();
  for (const SliceReport& slice : o.slices) {
    Json& entry = json.emplace_back();
    entry = {{"feature", slice.feature},
             {"value", slice.value},
             {"rows", slice.metrics.rows},
             {"positives", slice.metrics.positives},
             {"auc_roc", JsonNumber(slice.metrics.auc_roc.value)},
             {"observed_over_expected", JsonNumber(slice.metrics.observed_over_expected.value)},
             {"observed_over_expected_interval", Pair(slice.metrics.observed_over_expected.interval)}};
    if (slice.pooled.rows > 0)
      entry["pooled"] = {
          {"observed_over_expected", JsonNumber(slice.pooled.observed_over_expected.value)},
          {"ece", JsonNumber(slice.pooled.ece.value)},
          {"log_loss_difference", JsonNumber(slice.metrics.log_loss.value - slice.pooled.log_loss.value)}};
  }
  return json;
}

Json ObjectiveJson(const ObjectiveReport& o) {
  Json json = BinaryJson(o.metrics);
  if (o.is_mean) {
    json["mean"] = {{"amount", JsonNumber(o.mean.mean)}};
    for (const auto& [name, e] : {std::pair{"observed_over_expected", o.mean.observed_over_expected},
                                  {"deviance", o.mean.deviance},
                                  {"deviance_share", o.mean.deviance_share},
                                  {"rmse", o.mean.rmse},
                                  {"mae", o.mean.mae}})
      json["mean"][name] = {{"value", JsonNumber(e.value)}, {"interval", Pair(e.interval)}};
  }
  if (o.early_window_ms > 0)
    json["early_window"] = {{"learnt_within", FormatDuration(o.early_window_ms)},
                            {"judged_within", FormatDuration(o.window_ms)},
                            {"maturation", JsonNumber(o.maturation)}};
  if (o.by_request.groups > 0) json["by_request"] = GroupedJson(o.by_request);
  if (o.by_user.groups > 0) json["by_user"] = GroupedJson(o.by_user);
  for (const LiftBin& b : o.lift)
    json["lift"].push_back({{"rows", b.rows},
                            {"mean_probability", JsonNumber(b.mean_probability)},
                            {"observed", JsonNumber(b.observed)},
                            {"lift", JsonNumber(b.lift)},
                            {"captured", JsonNumber(b.captured)}});
  if (!o.reliability.empty()) json["reliability"] = ReliabilityJson(o.reliability);
  if (!o.position_bias.places.empty()) {
    Json& bias = json["position_bias"];
    bias = BiasJson(o.position_bias);
    bias["by_swaps"] = o.swapped_bias.places.empty() ? Json(nullptr) : BiasJson(o.swapped_bias);
  }
  for (const TriedLoss& t : o.tried)
    json["tried"].push_back({{"loss", t.loss},
                             {"rounds", t.rounds},
                             {"log_loss", JsonNumber(t.log_loss)},
                             {"ndcg", JsonNumber(t.ndcg)},
                             {"kept", t.kept}});
  for (const FeatureImportance& i : o.importance)
    json["importance"].push_back({{"feature", i.feature}, {"gain", JsonNumber(i.gain)}, {"shap", JsonNumber(i.shap)}});
  if (!o.slices.empty()) json["slices"] = SlicesJson(o);
  return json;
}

Json AgainstJson(const EvaluationReport& r) {
  Json json = {{"model", r.against},
               {"mrr", JsonNumber(r.mrr_difference.value)},
               {"mrr_interval", Pair(r.mrr_difference.interval)},
               {"objectives", Json::object()}};
  for (const ObjectiveReport& o : r.objectives) {
    if (o.difference.rows > 0) json["objectives"][o.name] = BinaryJson(o.difference);
  }
  return json;
}

Json OffPolicyJson(const OffPolicyReport& o) {
  const auto estimate = [](const Estimate& e) {
    return Json{{"value", JsonNumber(e.value)}, {"interval", Pair(e.interval)}};
  };
  return {{"choices", o.rows},
          {"users", o.users},
          {"logged", estimate(o.logged)},
          {"ipw", estimate(o.ipw)},
          {"snipw", estimate(o.snipw)},
          {"clipped", estimate(o.clipped)},
          {"doubly_robust", estimate(o.doubly_robust)},
          {"mean_weight", estimate(o.mean_weight)},
          {"effective_sample", JsonNumber(o.effective_sample)},
          {"largest_weight", JsonNumber(o.largest_weight)},
          {"evidence", o.evidence()},
          {"refusals", o.refusals}};
}

void AddFolds(const EvaluationReport& r, Json& json) {
  json["folds"] = Json::array();
  for (const auto& f : r.folds) {
    json["folds"].push_back(
        {{"name", f.name},
         {"requests", f.requests},
         {"mrr", JsonNumber(f.mrr)},
         {"mrr_most_recent_interaction", JsonNumber(f.mrr_baseline)},
         {"difference", JsonNumber(f.difference.value)},
         {"difference_interval", Pair(f.difference.interval)},
         {"untouched_difference_to_order_shown", JsonNumber(f.difference_untouched_order_shown.value)},
         {"untouched_difference_interval", Pair(f.difference_untouched_order_shown.interval)}});
  }
  if (!r.folds.empty()) {
    json["folds_pooled"] = {{"difference", JsonNumber(r.folds_difference.value)},
                            {"difference_interval", Pair(r.folds_difference.interval)},
                            {"untouched_difference_to_order_shown", JsonNumber(r.folds_difference_untouched.value)},
                            {"untouched_difference_interval", Pair(r.folds_difference_untouched.interval)}};
  }
}

}  // namespace

std::string ReportToJson(const EvaluationReport& r) {
  Json json{
      {"model", r.model}, {"from", FormatTime(r.from_ms)}, {"to", FormatTime(r.to_ms)}, {"objectives", Json::object()}};
  if (r.simulated) json["simulated"] = true;
  if (r.sampled) json["slates"] = "sampled", json["ranked_against"] = "all items on sale";
  if (r.position_reference >= 0)
    json["position"] = {
        {"reference", r.position_reference},
        {"at_shown", "probabilities: all but what follows"},
        {"at_reference", "order: ranking, folds, by_request, by_user; position_bias; off_policy's choice"}};
  for (const ObjectiveReport& o : r.objectives) json["objectives"][o.name] = ObjectiveJson(o);
  json["entire_space"] = Json::array();
  for (const EntireSpaceReport& e : r.entire_space) {
    Json product{{"first", e.first}, {"then", e.then}};
    product.update(BinaryJson(e.metrics));
    product["reliability"] = ReliabilityJson(e.reliability);
    json["entire_space"].push_back(std::move(product));
  }
  json["ranking"] = RankingJson(r.ranking);
  json["ranking"]["baselines"] = Json::object();
  for (const auto& [name, metrics] : r.baselines) json["ranking"]["baselines"][name] = RankingJson(metrics);
  if (!r.against.empty()) json["against"] = AgainstJson(r);
  for (const auto& [name, o] : r.off_policy) json["off_policy"][name] = OffPolicyJson(o);
  AddFolds(r, json);
  return DumpJson(json, 2);
}

}  // namespace gfr
