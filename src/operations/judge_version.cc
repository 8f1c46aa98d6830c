#include <algorithm>
#include <array>
#include <optional>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/time.h"
#include "bound/bind_columns.h"
#include "evaluate/evaluate_model.h"
#include "evaluate/predict.h"
#include "evaluate/selected_rows.h"
#include "operations/judge_off_policy.h"
#include "operations/load_model.h"

namespace gfr {
namespace {

constexpr std::size_t kTimedRows = 50'000;
constexpr int kTimedRounds = 7;

struct Judged {
  Model served, compared;  // Bound to today's features. `compared` is as before the refit, where that is kept.
  bool before_refit = false;
  std::string configuration;  // Of its lineage; empty: not known.
};

std::int64_t CardNumber(const Model& model, const std::string& key, std::int64_t otherwise) {
  const auto at = model.card.find(key);
  return at == model.card.end() ? otherwise : std::stoll(at->second);
}

// From when on rows are new to what is compared.
std::int64_t NewFrom(const Judged& of, const std::string& objective) {
  const bool refit = of.compared.card.contains("refit") && of.compared.card.at("refit") == "true";
  const std::int64_t test_from_ms = CardNumber(of.compared, objective + ".test_from_ms", INT64_MAX);
  return of.before_refit || !refit ? test_from_ms : CardNumber(of.compared, "rows_until", INT64_MAX - 1) + 1;
}

Result<Judged> LoadJudged(const Workspace& workspace, Registry& registry, const std::string& version,
                          const FeatureSet& features) {
  Judged out;
  GFR_ASSIGN(const Registry::Entry entry, registry.Describe(kModelName, version));
  if (const auto at = entry.lineage.find("training_configuration"); at != entry.lineage.end())
    out.configuration = at->second;
  GFR_ASSIGN(out.served, LoadBoundModel(workspace, registry, version, features));
  GFR_ASSIGN(std::optional<Model> before, LoadBeforeRefit(registry, version));
  out.before_refit = before.has_value();
  out.compared = out.served;
  if (before) {
    GFR_ASSIGN(out.compared, BindColumns(*std::move(before), features));
  }
  return out;
}

const ObjectiveModel* FindObjective(const Model& model, const std::string& name) {
  const auto at = std::ranges::find(model.objectives, name, &ObjectiveModel::name);
  return at == model.objectives.end() ? nullptr : &*at;
}

// Rows to time a model's forests on.
SelectedRows TimedRows(const Model& model, const ObjectiveModel& of, const ObjectiveRows& rows, std::int64_t from_ms,
                       std::int64_t to_ms) {
  SelectedRows selected = SelectWholeWindow(rows, of.softmax, model, from_ms, to_ms);
  if (!of.softmax && selected.size() > kTimedRows) {
    selected.indices.resize(kTimedRows);
    selected.labels.resize(kTimedRows);
  }
  return selected;
}

// Of the served forests, by turns: the least of several rounds is that of an undisturbed one. 1: one of them has no
// forest of the objective.
Result<double> MeasureSlowdown(const Judged& candidate, const Judged& champion, const std::string& objective,
                               const ObjectiveRows& rows, std::int64_t from_ms, std::int64_t to_ms) {
  const std::array<const ObjectiveModel*, 2> of{FindObjective(candidate.served, objective),
                                                FindObjective(champion.served, objective)};
  if (of[0] == nullptr || of[1] == nullptr) return 1.0;
  const std::array<SelectedRows, 2> selected{TimedRows(candidate.served, *of[0], rows, from_ms, to_ms),
                                             TimedRows(champion.served, *of[1], rows, from_ms, to_ms)};
  std::array<double, 2> least{1e300, 1e300};
  for (int round = 0; round < kTimedRounds; ++round) {
    for (std::size_t side = 0; side < 2; ++side) {
      const std::int64_t start_us = MonotonicUs();
      GFR_ASSIGN(const std::vector<float> scored, Probabilities(*of[side], selected[side]));
      least[side] = std::min(least[side], static_cast<double>(MonotonicUs() - start_us) + 1);
    }
  }
  return least[0] / least[1];
}

std::string WhyConfigurationsDiffer(const Judged& candidate, const Judged& champion) {
  if (candidate.configuration.empty() || champion.configuration.empty())
    return "the configuration that one of the versions was trained by is not known";
  return candidate.configuration == champion.configuration ? "both were trained by the same configuration"
                                                           : "they were trained by different configurations";
}

}  // namespace

Result<Judgement> JudgeVersion(const Workspace& workspace, const JudgeSettings& settings, const std::string& version,
                               const std::string& against, const DatasetOptions& options) {
  GFR_ASSIGN(JudgedWithOffPolicy judged, JudgeWithOffPolicy(workspace, settings, version, against, options));
  return std::move(judged.judgement);
}

Result<JudgedWithOffPolicy> JudgeWithOffPolicy(const Workspace& workspace, const JudgeSettings& settings,
                                               const std::string& version, const std::string& against,
                                               const DatasetOptions& options) {
  const std::vector<ObjectiveConfig>& objectives = settings.dataset.objectives;
  const FeatureSet& features = *settings.dataset.features;
  Registry registry(settings.registry, workspace.clock());
  JudgedWithOffPolicy judged{.judgement = {.candidate = version, .champion = against},
                             .off_policy = {.refusal = "there is no row that neither version has learnt from"}};
  Judgement& out = judged.judgement;
  if (out.champion.empty()) {
    GFR_ASSIGN(out.champion, registry.Champion(kModelName));
  }
  if (out.champion == version)
    return Error{ErrorCode::kInvalidArgument, "version " + version + " is the champion: there is nothing to compare"};
  GFR_ASSIGN(const Judged candidate, LoadJudged(workspace, registry, version, features));
  const auto loaded = LoadJudged(workspace, registry, out.champion, features);
  if (!loaded.ok()) {
    // A champion whose columns are gone cannot be compared with; that is no fault of the candidate's.
    if (loaded.error().code != ErrorCode::kInvalidArgument) return loaded.error();
    out.why_none = loaded.error().message;
    return judged;
  }
  const Judged& champion = loaded.value();
  out.before_refit = candidate.before_refit && champion.before_refit;
  out.equal_configuration = !candidate.configuration.empty() && candidate.configuration == champion.configuration;
  out.configuration_why = WhyConfigurationsDiffer(candidate, champion);
  DatasetOptions range = options;
  range.from_ms = INT64_MAX;
  std::vector<TimeRange> ranges;
  for (const ObjectiveConfig& o : objectives) {
    const std::int64_t from_ms = std::max(NewFrom(candidate, o.name), NewFrom(champion, o.name));
    ranges.push_back({from_ms, INT64_MAX});
    range.from_ms = std::min(range.from_ms, from_ms);
  }
  if (range.from_ms == INT64_MAX) {
    out.why_none = "no version says which rows it has not learnt from";
    return judged;
  }
  const bool sampled = candidate.compared.card.contains("slates") || champion.compared.card.contains("slates");
  range.choices = !sampled;
  GFR_ASSIGN(const Dataset data, MakeDataset(workspace, settings.dataset, range));
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const std::string& name = objectives[o].name;
    const ObjectiveModel *of_candidate = FindObjective(candidate.compared, name),
                         *of_champion = FindObjective(champion.compared, name);
    if (of_champion != nullptr && of_candidate == nullptr) out.lost.push_back(name);
    if (of_champion == nullptr || of_candidate == nullptr) continue;
    const auto [from_ms, to_ms] = ranges[o];
    const SelectedRows rows =
        SelectWholeWindow(data.objectives[o], of_candidate->softmax, candidate.compared, from_ms, to_ms);
    const SelectedRows same =
        SelectWholeWindow(data.objectives[o], of_champion->softmax, champion.compared, from_ms, to_ms);
    if (rows.size() == 0 || rows.indices != same.indices || of_candidate->mean != of_champion->mean) continue;
    GFR_ASSIGN(const std::vector<float> p, Probabilities(*of_candidate, rows));
    GFR_ASSIGN(const std::vector<float> q, Probabilities(*of_champion, same));
    out.objectives.push_back({name, from_ms, data.last_arrival_ms + 1,
                              of_candidate->mean && of_champion->mean
                                  ? ComparePairedDeviance(p, q, rows.labels, rows.users)
                                  : ComparePairedLogLoss(p, q, rows.labels, rows.users)});
    if (out.objectives.size() > 1) continue;
    GFR_ASSIGN(out.slowdown, MeasureSlowdown(candidate, champion, name, data.objectives[o], from_ms, to_ms));
  }
  if (sampled) {
    judged.off_policy.refusal = "trained on sampled slates: what was shown is not known";
  } else if (!out.objectives.empty()) {
    GFR_ASSIGN(judged.off_policy,
               CompareOffPolicy(candidate.compared, champion.compared, data, out.objectives[0].from_ms, INT64_MAX));
  }
  if (out.objectives.empty()) out.why_none = "there is no mature row that neither version has learnt from";
  return judged;
}

std::string OffPolicyJson(const ComparedOffPolicy& off) {
  if (!off.evidence()) return DumpJson(nlohmann::ordered_json{{"draws", off.draws}, {"no_evidence", off.refusal}});
  return DumpJson(nlohmann::ordered_json{{"draws", off.draws},
                                         {"candidate", off.candidate},
                                         {"champion", off.champion},
                                         {"difference", off.difference},
                                         {"bounds", {off.low, off.high}}});
}

std::string JudgementJson(const Judgement& j) {
  nlohmann::ordered_json json{{"candidate", j.candidate},
                              {"champion", j.champion},
                              {"before_refit", j.before_refit},
                              {"equal_configuration", j.equal_configuration},
                              {"configuration_why", j.configuration_why},
                              {"slowdown", j.slowdown},
                              {"lost_objectives", j.lost},
                              {"objectives", nlohmann::ordered_json::array()}};
  if (!j.why_none.empty()) json["not_comparable"] = j.why_none;
  for (const Judgement::Objective& o : j.objectives) {
    json["objectives"].push_back({{"objective", o.name},
                                  {"from", FormatTime(o.from_ms)},
                                  {"to", FormatTime(o.to_ms)},
                                  {"rows", o.paired.rows},
                                  {"positives", o.paired.positives},
                                  {"users", o.paired.users},
                                  {"champion_log_loss", o.paired.champion},
                                  {"log_loss_difference", o.paired.difference},
                                  {"standard_error", o.paired.standard_error},
                                  {"candidate_log_oe", o.paired.candidate_log_oe},
                                  {"candidate_log_oe_error", o.paired.candidate_log_oe_error},
                                  {"champion_log_oe", o.paired.champion_log_oe}});
  }
  return DumpJson(json);
}

}  // namespace gfr
