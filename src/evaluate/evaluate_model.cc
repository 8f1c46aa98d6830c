#include "evaluate/evaluate_model.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "evaluate/predict.h"
#include "evaluate/rank_slates.h"
#include "evaluate/replicates.h"
#include "evaluate/selected_rows.h"
#include "evaluate/slices.h"
#include "runtime/logger.h"

namespace gfr {
namespace {

constexpr int kMostPositions = 50;

SwappedPairs SwappedIn(const Dataset& data, TimeRange range) {
  SwappedPairs pairs;
  for (const ChoiceRow& choice : data.choices) {
    if (!choice.swapped || choice.arrival_ms < range.from_ms || choice.arrival_ms >= range.to_ms) continue;
    pairs.place.push_back(choice.position);
    pairs.upper.push_back(choice.clicked);
    pairs.lower.push_back(choice.clicked_below);
    pairs.user.push_back(choice.user);
  }
  return pairs;
}

constexpr std::size_t kExplainedRows = 500;  // SHAP values take a few milliseconds a row of a large forest.

std::vector<FeatureImportance> Importance(const Model& model, const ObjectiveModel& objective, const SelectedRows& rows,
                                          const ExplainForest& explain) {
  std::vector<std::uint32_t> read = model.forest_columns;  // By the engine's forest.
  if (read.empty()) {
    read.resize(rows.columns);
    std::iota(read.begin(), read.end(), 0u);
  }
  std::vector<float> sample, row;  // Spread evenly.
  const std::size_t count = std::min(rows.size(), kExplainedRows);
  for (std::size_t i = 0; i < count; ++i) {
    rows.Read(i * rows.size() / count, 1, row);
    for (const std::uint32_t k : read) sample.push_back(row[k]);
  }
  std::vector<FeatureImportance> importance;
  const auto explained = explain(objective.forest_bytes, sample.data(), count, read.size());
  if (!explained.ok()) {
    LogWarning("evaluate", "no importance of features", {{"error", explained.error().message}});
    return importance;
  }
  for (std::size_t k = 0; k < read.size(); ++k)
    importance.push_back({model.columns[read[k]], explained.value().gain[k], explained.value().mean_abs_shap[k]});
  std::ranges::stable_sort(importance, std::greater<>(), &FeatureImportance::shap);
  return importance;
}

// `all` are of `first`; what they led to is known where they are old enough.
Result<EntireSpaceReport> EntireSpace(const ObjectiveModel& first, const ObjectiveModel& then, const Model& model,
                                      const ObjectiveRows& all, TimeRange range) {
  EntireSpaceReport report{.first = first.name, .then = then.name};
  const SelectedRows rows = SelectRows(all, first.softmax, model, range.from_ms, range.to_ms),
                     conditional = SelectRows(all, then.softmax, model, range.from_ms, range.to_ms);
  GFR_ASSIGN(const std::vector<float> p, Probabilities(first, rows));
  GFR_ASSIGN(const std::vector<float> q, Probabilities(then, conditional, true));
  std::vector<float> product, led_on;
  std::vector<Key> users;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float label = all.led_on[rows.indices[i]];
    if (label != label) continue;
    product.push_back(p[i] * q[i]);
    led_on.push_back(label);
    users.push_back(rows.users[i]);
  }
  const BinaryRows judged{product, led_on, users};
  report.metrics = MeasureBinary(judged, kReplicates, kSeed);
  report.reliability = Reliability(judged, 15);
  return report;
}

// What `rows`, predicted by another model, are better or worse than by `against`; empty when that has no such
// objective.
Result<BinaryMetrics> Difference(const Model& against, const std::string& objective, const ObjectiveRows& all,
                                 TimeRange range, const BinaryRows& rows) {
  for (const ObjectiveModel& other : against.objectives) {
    if (other.name != objective) continue;
    const SelectedRows selected = SelectWholeWindow(all, other.softmax, against, range.from_ms, range.to_ms);
    GFR_ASSIGN(const std::vector<float> probability, Probabilities(other, selected));
    return CompareBinary({probability, rows.label, rows.user}, rows.probability, kReplicates, kSeed);
  }
  return BinaryMetrics{};
}

// The rest of the report of an objective with the link mean.
Result<ObjectiveReport> EvaluateMean(const Model& model, const ObjectiveModel& objective, const Dataset& data,
                                     const SelectedRows& selected, const std::vector<float>& predicted,
                                     const EvaluateModelOptions& options, ObjectiveReport entry) {
  entry.is_mean = true;
  entry.mean = MeasureMean({predicted, selected.labels, selected.users}, kReplicates, kSeed);
  entry.metrics.rows = entry.mean.rows;
  entry.metrics.positives = entry.mean.positives;
  entry.metrics.observed_over_expected = entry.mean.observed_over_expected;
  entry.reliability = Reliability({predicted, selected.labels, selected.users}, 15);
  GFR_ASSIGN(entry.slices, MeasureSlices(model, data, objective, selected, predicted));
  SortWorstFirst(entry.slices);
  if (options.explain) entry.importance = Importance(model, objective, selected, options.explain);
  return entry;
}

// The objective `at` of `objectives`, as `objective` of the model predicts it.
Result<ObjectiveReport> EvaluateObjective(const Model& model, const ObjectiveModel& objective, const Dataset& data,
                                          const std::vector<ObjectiveConfig>& objectives, std::size_t at,
                                          TimeRange range, const EvaluateModelOptions& options) {
  const ObjectiveConfig& config = objectives[at];
  const ObjectiveRows& all = data.objectives[at];
  const SelectedRows selected = SelectWholeWindow(all, objective.softmax, model, range.from_ms, range.to_ms);
  GFR_ASSIGN(const std::vector<float> probability, Probabilities(objective, selected));
  const BinaryRows rows{probability, selected.labels, selected.users};
  ObjectiveReport entry;
  entry.name = objective.name;
  entry.window_ms = config.window_ms;
  entry.early_window_ms = objective.early_window_ms;
  entry.maturation = objective.maturation;
  if (objective.mean) return EvaluateMean(model, objective, data, selected, probability, options, std::move(entry));
  entry.metrics = MeasureBinary(rows, kReplicates, kSeed);
  entry.roc = RocCurve(rows, 200);
  entry.pr = PrCurve(rows, 200);
  entry.reliability = Reliability(rows, 15);
  // What ranks is judged as it ranks: at the reference, where the model reads the position shown.
  std::vector<float> at_reference = probability;
  if (model.position_column >= 0) {
    GFR_ASSIGN(at_reference, Probabilities(objective, selected, true));
  }
  const BinaryRows ranked{at_reference, selected.labels, selected.users};
  entry.by_request = MeasureByGroup(ranked, selected.requests, kReportedRanks, kReplicates, kSeed);
  entry.by_user = MeasureByGroup(ranked, selected.users, kReportedRanks, kReplicates, kSeed);
  entry.lift = Lift(rows, 10);
  GFR_ASSIGN(entry.slices, MeasureSlices(model, data, objective, selected, probability));
  SortWorstFirst(entry.slices);
  if (options.position_bias && config.population == EventType::kFeedImpression)
    entry.position_bias = MeasurePositionBias(ranked, selected.positions, kMostPositions, kReplicates, kSeed);
  // Logged draws are of the first objective of impressions.
  const auto first_of_impressions =
      std::ranges::find(objectives, EventType::kFeedImpression, &ObjectiveConfig::population) - objectives.begin();
  if (!entry.position_bias.places.empty() && at == static_cast<std::size_t>(first_of_impressions))
    entry.swapped_bias = MeasureSwappedPositionBias(SwappedIn(data, range), kMostPositions, kReplicates, kSeed);
  if (options.explain) entry.importance = Importance(model, objective, selected, options.explain);
  if (options.against) {
    GFR_ASSIGN(entry.difference, Difference(*options.against, objective.name, all, range, rows));
  }
  return entry;
}

// Of each objective that starts where another ends (pcvr after pctr), the product of both.
Status AddEntireSpace(const Model& model, const Dataset& data, const std::vector<ObjectiveConfig>& objectives,
                      const std::vector<TimeRange>& ranges, EvaluationReport& report) {
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const std::size_t next = NextObjective(objectives, o);
    if (next == objectives.size()) continue;
    const auto first = std::ranges::find(model.objectives, objectives[o].name, &ObjectiveModel::name),
               then = std::ranges::find(model.objectives, objectives[next].name, &ObjectiveModel::name);
    if (first == model.objectives.end() || then == model.objectives.end() || first->mean || then->mean) continue;
    const TimeRange both{std::max(ranges[o].from_ms, ranges[next].from_ms),
                         std::min(ranges[o].to_ms, ranges[next].to_ms)};
    GFR_ASSIGN(EntireSpaceReport product, EntireSpace(*first, *then, model, data.objectives[o], both));
    if (product.metrics.rows > 0) report.entire_space.push_back(std::move(product));
  }
  return {};
}

Status AddRanking(const Model& model, const Dataset& data, TimeRange range, const Model* against,
                  EvaluationReport& report) {
  GFR_ASSIGN(const RankedSlates ranked, RankSlates(model, data, range.from_ms, range.to_ms));
  const auto measure = [&](const std::vector<std::vector<float>>& scores) {
    return MeasureRanking(ranked.requests, Spans(scores), kReplicates, kSeed);
  };
  report.ranking = measure(ranked.model);
  if (against) {
    report.against = against->name + "/" + against->version;
    GFR_ASSIGN(const RankedSlates other, RankSlates(*against, data, range.from_ms, range.to_ms));
    report.mrr_difference =
        PairedMrrDifference(ranked.requests, Spans(ranked.model), Spans(other.model), kReplicates, kSeed);
  }
  report.baselines = {{"order_shown", measure(ranked.order_shown)},
                      {"popularity", measure(ranked.popularity)},
                      {"most_recent_interaction", measure(ranked.most_recent)}};
  return {};
}

}  // namespace

TimeRange TestRange(const Model& model, const std::string& objective) {
  const auto card = [&](const char* key) {
    const auto at = model.card.find(objective + key);
    return at == model.card.end() ? std::int64_t{0} : std::stoll(at->second);
  };
  return {card(".test_from_ms"), card(".test_to_ms")};
}

Result<EvaluationReport> EvaluateModel(const Model& model, const Dataset& data,
                                       const std::vector<ObjectiveConfig>& objectives,
                                       const std::vector<TimeRange>& ranges, const EvaluateModelOptions& options) {
  EvaluationReport report;
  const TimeRange slates = ranges[RankingObjective(objectives, model)];
  report.model = model.name + "/" + model.version;
  report.from_ms = std::max(slates.from_ms, data.first_arrival_ms);
  report.to_ms = std::min(slates.to_ms, data.last_arrival_ms + 1);
  report.simulated = data.simulated;
  report.sampled = data.sampled;
  if (model.position_column >= 0) report.position_reference = static_cast<int>(model.position_reference);
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    for (const ObjectiveModel& objective : model.objectives) {
      if (objective.name != objectives[o].name) continue;
      GFR_ASSIGN(ObjectiveReport entry, EvaluateObjective(model, objective, data, objectives, o, ranges[o], options));
      report.objectives.push_back(std::move(entry));
    }
  }
  GFR_TRY(AddEntireSpace(model, data, objectives, ranges, report));
  GFR_TRY(AddRanking(model, data, slates, options.against, report));
  return report;
}

}  // namespace gfr
