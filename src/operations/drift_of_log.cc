#include "operations/drift_of_log.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "bound/bind_columns.h"
#include "evaluate/predict.h"
#include "metric/binary_metrics.h"
#include "operations/label_worth.h"
#include "operations/load_model.h"
#include "operations/rows_for_reference.h"

namespace gfr {
namespace {

constexpr int kReplicates = 50;
constexpr std::uint64_t kSeed = 1;

struct ComparedModel {
  Model model;  // Bound to the columns of today.
  References references;
};

Result<ComparedModel> LoadCompared(const Workspace& workspace, const DriftSettings& settings, std::string version) {
  Registry registry(settings.registry, workspace.clock());
  if (version.empty()) {
    GFR_ASSIGN(version, registry.Champion(kModelName));
  }
  GFR_ASSIGN(const auto files, registry.Load(kModelName, version));
  const auto file = files.find(kReferenceFile);
  if (file == files.end())
    return Error{ErrorCode::kNotFound, "version " + version +
                                           " was trained before gfr kept a reference with it; train a new version, or "
                                           "compare with a range: --against FROM..TO"};
  ComparedModel compared;
  GFR_ASSIGN(compared.references, DecodeReferences(file->second));
  GFR_ASSIGN(compared.model, LoadBoundModel(workspace, registry, version, *settings.dataset.features));
  return compared;
}

// Where each column of a version's reference lies in a row of today.
Result<std::vector<std::size_t>> PlacesOf(const Reference& reference, const FeatureSet& features) {
  std::vector<std::size_t> places;
  for (const ReferenceColumn& column : reference.columns) {
    if (column.is_prediction()) {
      places.push_back(kPredictionPlace);
      continue;
    }
    std::size_t place = features.columns();
    for (std::size_t c = 0; c < features.columns(); ++c) {
      const FeatureSpec& spec = features.features[c].view->spec();
      const bool same = column.fingerprint == 0 ? spec.name == column.name : spec.fingerprint == column.fingerprint;
      // The name decides between equals.
      if (same && (place == features.columns() || spec.name == column.name)) place = c;
    }
    if (place == features.columns())
      return Error{ErrorCode::kInvalidArgument,
                   "feature '" + column.name +
                       "' of the reference is gone from gfr.toml, or was changed; compare with "
                       "a range instead: --against FROM..TO"};
    places.push_back(place);
  }
  return places;
}

std::vector<ComparedColumn> ColumnsOf(const FeatureSet& features) {
  std::vector<ComparedColumn> columns;
  for (std::size_t c = 0; c < features.columns(); ++c) {
    const FeatureSpec& spec = features.features[c].view->spec();
    if (static_cast<int>(c) == features.position_column) continue;
    columns.push_back({spec.name, c, spec.fingerprint, spec.categorical});
  }
  return columns;
}

// Each row's prediction by the model (NaN of rows that it has none of), and its ECE.
struct Predicted {
  std::vector<float> probability;
  Estimate ece;  // Of rows whose labels are complete.
};

// The rows whose labels of the horizon were complete when the log ended: those before the others.
ReferenceRows MatureRows(const ObjectiveRows& rows, const ObjectiveConfig& objective, const Dataset& data) {
  const std::int64_t newest_ms = data.last_arrival_ms - objective.horizon_ms();
  const auto n =
      static_cast<std::size_t>(std::ranges::upper_bound(rows.arrival_ms, newest_ms) - rows.arrival_ms.begin());
  ReferenceRows mature = RowsForReference(rows, data.columns);
  mature.features = mature.features.first(n * data.columns);
  mature.label = mature.label.first(n);
  mature.arrival_ms = mature.arrival_ms.first(n);
  mature.request = mature.request.first(n);
  return mature;
}

// `mature_ms`: rows that arrived before have complete labels.
Result<Predicted> Predict(const Model& model, const std::string& objective, const ObjectiveRows& rows,
                          std::int64_t from_ms, std::int64_t to_ms, std::int64_t mature_ms) {
  const auto of = std::ranges::find(model.objectives, objective, &ObjectiveModel::name);
  if (of == model.objectives.end()) return Predicted{};
  const SelectedRows selected = SelectRows(rows, of->softmax, model, from_ms, to_ms);
  GFR_ASSIGN(const std::vector<float> probability, Probabilities(*of, selected));
  Predicted predicted{.probability = std::vector<float>(rows.size(), std::nanf(""))};
  for (std::size_t i = 0; i < selected.size(); ++i) predicted.probability[selected.indices[i]] = probability[i];
  std::size_t mature = 0;  // Rows stand in order of arrival.
  while (mature < selected.size() && rows.arrival_ms[selected.indices[mature]] < mature_ms) ++mature;
  predicted.ece = MeasureBinary({std::span(probability).first(mature), std::span(selected.labels).first(mature),
                                 std::span(selected.users).first(mature)},
                                kReplicates, kSeed)
                      .ece;
  return predicted;
}

// The indexes of the objectives whose labels are 0 or 1: an amount is no label.
std::vector<std::size_t> LabelledObjectives(const std::vector<ObjectiveConfig>& objectives) {
  std::vector<std::size_t> labelled;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    if (!objectives[o].mean()) labelled.push_back(o);
  }
  return labelled;
}

// What labels of the objective are worth, where the feed's formula says so; why not is noted.
Result<std::vector<float>> WorthOf(const DriftSettings& settings, const Model& model, const std::string& objective,
                                   const ObjectiveRows& rows, DriftReport* report) {
  if (settings.feed == nullptr) return std::vector<float>();
  GFR_ASSIGN(LabelWorth worth, WorthOfLabels(*settings.feed, *settings.dataset.features, model, objective, rows,
                                             report->from_ms, report->to_ms));
  if (worth.of_row.empty())
    report->notes.push_back("ranking value before labels of '" + objective + "' is not known: " + worth.why);
  return std::move(worth.of_row);
}

// Of the labels that are expected.
double MeanWorth(const std::vector<float>& worth, const std::vector<float>& probability) {
  double value = 0, labels = 0;
  for (std::size_t i = 0; i < worth.size(); ++i) {
    if (std::isnan(worth[i]) || std::isnan(probability[i])) continue;
    value += static_cast<double>(worth[i]) * static_cast<double>(probability[i]);
    labels += static_cast<double>(probability[i]);
  }
  return labels > 0 ? value / labels : std::nan("");
}

// Adds the base rates of an objective, and its quality where there are predictions.
Status AddObjective(const DriftSettings& settings, const Model& model, const Dataset& data, std::size_t o,
                    const Predicted& predicted, const std::vector<std::size_t>& at, DriftReport* report) {
  const ObjectiveConfig& objective = settings.dataset.objectives[o];
  const ObjectiveRows& rows = data.objectives[o];
  JudgePrior(objective.name, MatureRows(rows, objective, data), predicted.probability, report);
  report->objectives.back().ece = predicted.ece;
  if (predicted.probability.empty()) return {};
  GFR_ASSIGN(const std::vector<float> worth, WorthOf(settings, model, objective.name, rows, report));
  if (objective.name == report->references.features.objective)
    report->label_worth = MeanWorth(worth, predicted.probability);
  ReferenceRows all = RowsForReference(rows, data.columns);
  all.prediction = predicted.probability;
  report->objectives.back().quality = JudgeQuality({.rows = all,
                                                    .whole = rows.whole,
                                                    .score = predicted.probability,
                                                    .worth = worth,
                                                    .early_ms = objective.horizon_ms(),
                                                    .whole_ms = objective.window_ms,
                                                    .known_until_ms = data.last_arrival_ms},
                                                   &report->references.features, at, report->from_ms, report->to_ms,
                                                   report->options.prior_period_ms, report->options.min_rows);
  return {};
}

// Both ranges are of one replay.
Result<Dataset> Replay(const Workspace& workspace, const DriftSettings& settings, const DriftQuestion& question,
                       std::int64_t from_ms) {
  const std::int64_t first_ms = question.range ? std::min(from_ms, question.range->first) : from_ms,
                     end_ms = question.range ? std::max(question.to_ms, question.range->second) : question.to_ms;
  GFR_ASSIGN(Dataset data,
             MakeDataset(workspace, settings.dataset,
                         {.from_ms = first_ms, .to_ms = end_ms, .drop_immature = false, .slates = false}));
  if (data.records == 0) return LogIsEmpty();
  return data;
}

}  // namespace

Result<MonitorConfig> ReadMonitorConfig(const Workspace& workspace) {
  GFR_ASSIGN(Config project, workspace.ReadConfiguration());
  return MonitorConfig::Read(project);
}

Result<DriftReport> DriftOfLog(const Workspace& workspace, const DriftSettings& settings,
                               const DriftQuestion& question) {
  const std::vector<ObjectiveConfig>& objectives = settings.dataset.objectives;
  const std::vector<std::size_t> labelled = LabelledObjectives(objectives);
  const FeatureSet& features = *settings.dataset.features;
  ComparedModel compared;
  DriftReport report{.project = workspace.folder(), .from_ms = question.from_ms, .options = settings.options};
  std::vector<std::size_t> at;
  std::size_t judged = ComparedObjective(objectives);
  if (!question.range) {
    GFR_ASSIGN(compared, LoadCompared(workspace, settings, question.version));
    GFR_ASSIGN(at, PlacesOf(compared.references.features, features));
    const auto same = std::ranges::find(objectives, compared.references.features.objective, &ObjectiveConfig::name);
    if (same == objectives.end())
      return Error{ErrorCode::kInvalidArgument,
                   "objective '" + compared.references.features.objective + "' of the reference is gone from gfr.toml"};
    judged = static_cast<std::size_t>(same - objectives.begin());
    report.against = compared.model.name + "/" + compared.model.version;
    if (question.from_ms == INT64_MIN) report.from_ms = compared.references.features.to_ms;
  } else {
    if (question.from_ms == INT64_MIN) report.from_ms = question.range->second;
    report.against = FormatTime(question.range->first) + ".." + FormatTime(question.range->second);
  }
  GFR_ASSIGN(const Dataset data, Replay(workspace, settings, question, report.from_ms));
  report.to_ms = std::min(question.to_ms, data.last_arrival_ms + 1);
  report.simulated = data.simulated;
  report.references = std::move(compared.references);
  if (question.range) {
    const auto [first_ms, end_ms] = *question.range;
    const std::vector<ComparedColumn> columns = ColumnsOf(features);
    report.references.features =
        MakeReference(objectives[judged].name, columns, MatureRows(data.objectives[judged], objectives[judged], data),
                      first_ms, end_ms, data.category_names);
    for (const ComparedColumn& column : columns) at.push_back(column.at);
    for (const std::size_t o : labelled)
      report.references.priors.push_back(
          MakePrior(objectives[o].name, MatureRows(data.objectives[o], objectives[o], data), first_ms, end_ms));
  }
  std::vector<Predicted> predicted(objectives.size());
  for (const std::size_t o : labelled) {
    GFR_ASSIGN(predicted[o], Predict(compared.model, objectives[o].name, data.objectives[o], report.from_ms,
                                     report.to_ms, data.last_arrival_ms - objectives[o].horizon_ms() + 1));
  }
  ReferenceRows judged_rows = MatureRows(data.objectives[judged], objectives[judged], data);
  judged_rows.prediction = predicted[judged].probability;
  JudgeColumns(judged_rows, at, data.category_names, &report);
  const auto& counted = report.references.features;
  if (report.rows == 0 || counted.rows == 0)
    return Error{ErrorCode::kInvalidArgument,
                 "there are no rows of '" + objectives[judged].name + "' whose labels are complete " +
                     (counted.rows == 0 ? "in the range to compare with"
                                        : "from " + FormatTime(report.from_ms) + " to " + FormatTime(report.to_ms)) +
                     "; the log has events until " + FormatTime(data.last_arrival_ms)};
  for (const std::size_t o : labelled)
    GFR_TRY(AddObjective(settings, compared.model, data, o, predicted[o], at, &report));
  SortReport(&report);
  return report;
}

Result<std::optional<std::pair<std::int64_t, std::int64_t>>> ParseTimeRange(const std::string& text) {
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos) return range;
  GFR_ASSIGN(const std::int64_t from_ms, ParseTime(text.substr(0, dots)));
  GFR_ASSIGN(const std::int64_t to_ms, ParseTime(text.substr(dots + 2)));
  if (from_ms >= to_ms)
    return Error{ErrorCode::kInvalidArgument, "the range '" + text + "' ends before it begins; write FROM..TO"};
  range = std::pair(from_ms, to_ms);
  return range;
}

}  // namespace gfr
