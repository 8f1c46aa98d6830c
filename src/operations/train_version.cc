#include "operations/train_version.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "bound/bind_columns.h"
#include "dataset/dataset_fingerprint.h"
#include "dataset/event_times.h"
#include "evaluate/predict.h"
#include "feature/definitions.h"
#include "log/local_log.h"
#include "monitor/reference.h"
#include "operations/load_model.h"
#include "operations/rows_for_reference.h"
#include "runtime/logger.h"
#include "train/distributed/distributed_trainer.h"
#include "train/engine/xgboost_api.h"
#include "train/recalibrate.h"
#include "train/resuming_trainer.h"
#include "train/training_plan.h"

namespace gfr {
namespace {

// Writes the report beside the registry, as a page and as JSON; gives the page's path.
Result<std::string> PublishReport(const Workspace& workspace, const std::string& version,
                                  const EvaluationReport& report) {
  FileSystem& fs = workspace.fs();
  const std::string path = JoinPath(workspace.reports_folder(), "train-" + version);
  GFR_TRY(fs.MakeFolders(workspace.reports_folder()));
  GFR_TRY(PublishFile(fs, path + ".html", ReportToHtml(report)));
  GFR_TRY(PublishFile(fs, path + ".json", ReportToJson(report)));
  return path + ".html";
}

// What the rows looked like, for later comparisons: the columns of the impressions' objective, else of the first; and
// each objective's labels; and the model's own probabilities. The place shown is left out, since it is a reference when
// ranking.
Result<References> ReferencesOf(const Model& model, const std::vector<ObjectiveConfig>& objectives,
                                const Dataset& data) {
  const std::size_t o = ComparedObjective(objectives);
  const ObjectiveRows& rows = data.objectives[o];
  std::vector<ComparedColumn> columns;
  for (std::size_t c = 0; c < model.columns.size(); ++c) {
    if (static_cast<int>(c) == model.position_column) continue;
    columns.push_back({.name = model.columns[c],
                       .at = c,
                       .fingerprint = model.column_fingerprints.empty() ? 0 : model.column_fingerprints[c],
                       .categorical = model.categorical[c] != 0});
  }
  ReferenceRows compared = RowsForReference(rows, data.columns);
  std::vector<float> prediction(rows.size(), std::nanf(""));
  const auto of = std::ranges::find(model.objectives, objectives[o].name, &ObjectiveModel::name);
  if (of != model.objectives.end()) {
    const SelectedRows selected = SelectRows(rows, of->softmax, model, INT64_MIN, INT64_MAX);
    GFR_ASSIGN(const std::vector<float> probability, Probabilities(*of, selected));
    for (std::size_t i = 0; i < selected.size(); ++i) prediction[selected.indices[i]] = probability[i];
    compared.prediction = prediction;
    columns.push_back(
        {.name = PredictionName(objectives[o].name), .at = kPredictionPlace, .fingerprint = kPredictionFingerprint});
  }
  References references;
  references.features = MakeReference(objectives[o].name, columns, compared, INT64_MIN, INT64_MAX, data.category_names);
  for (std::size_t p = 0; p < objectives.size(); ++p) {
    if (objectives[p].mean()) continue;  // An amount is no label.
    references.priors.push_back(MakePrior(objectives[p].name, RowsForReference(data.objectives[p], data.columns)));
  }
  return references;
}

// Registers the model with its report; the first of all versions becomes the champion.
Result<Trained> Keep(const Workspace& workspace, const TrainSettings& settings, TrainedModel trained,
                     const Dataset& data) {
  GFR_TRY(WriteDefinitions(workspace.fs(), workspace.definitions_folder(), *settings.dataset.features));
  auto files = ModelToFiles(trained.model);
  if (trained.before_refit) {
    for (auto& [name, content] : ModelToFiles(*trained.before_refit)) files[kBeforeRefitPrefix + name] = content;
  }
  files["metrics.json"] = ReportToJson(trained.report);
  GFR_ASSIGN(const References references, ReferencesOf(trained.model, settings.dataset.objectives, data));
  files[kReferenceFile] = EncodeReferences(references);
  Registry registry(settings.registry, workspace.clock());
  Trained out;
  Registry::Lineage lineage = trained.model.card;
  lineage["feature_fingerprint"] = std::to_string(trained.model.feature_fingerprint);
  lineage["dataset_fingerprint"] =
      std::to_string(DatasetFingerprint(*settings.dataset.features, settings.dataset.objectives));
  lineage["rows_from"] = std::to_string(data.first_arrival_ms);
  lineage["log_events"] = std::to_string(data.records);
  if (!settings.training_text.empty())
    lineage["training_configuration"] =
        std::to_string(Hash64(settings.training_text.data(), settings.training_text.size()));
  lineage.insert(settings.lineage.begin(), settings.lineage.end());
  GFR_ASSIGN(out.version, registry.Register(kModelName, files, lineage));
  if (!registry.Champion(kModelName).ok()) {
    GFR_TRY(registry.Promote(kModelName, out.version));
    out.champion = true;
  }
  trained.report.model = std::string(kModelName) + "/" + out.version;
  GFR_ASSIGN(out.html_path, PublishReport(workspace, out.version, trained.report));
  out.report = std::move(trained.report);
  out.left_out = std::move(trained.left_out);
  out.stages = std::move(trained.stages);
  return out;
}

Result<Trained> TrainBy(const Workspace& workspace, const TrainSettings& settings, const Dataset& data,
                        const TrainConfig& config, const ForestTrainer& engine) {
  if (data.records == 0) return LogIsEmpty();
  GFR_ASSIGN(TrainedModel trained,
             TrainModel(data, *settings.dataset.features, settings.dataset.objectives, settings.split, config, engine));
  trained.model.configuration = settings.model_text;
  return Keep(workspace, settings, std::move(trained), data);
}

// The same, from the first forest that an earlier training by the same engine had not finished.
Result<Trained> TrainResuming(const Workspace& workspace, const TrainSettings& settings, const Dataset& data,
                              const TrainConfig& config, const ForestTrainer& engine, const std::string& engine_name) {
  const ResumingTrainer resuming(workspace.fs(), workspace.training_folder(), engine_name, engine);
  GFR_ASSIGN(Trained trained, TrainBy(workspace, settings, data, config, resuming));
  GFR_TRY(resuming.Forget());
  return trained;
}

// Those that were left out before the training come first.
Result<Trained> AddLeftOut(std::vector<LeftOutObjective> before, Result<Trained> trained) {
  if (!trained.ok()) return trained;
  std::vector<LeftOutObjective>& all = trained.value().left_out;
  all.insert(all.begin(), std::make_move_iterator(before.begin()), std::make_move_iterator(before.end()));
  return trained;
}

}  // namespace

Result<TrainSettings> PlanTraining(const Workspace& workspace, const TrainSettings& settings,
                                   std::vector<LeftOutObjective>* left_out) {
  const std::vector<ObjectiveConfig>& objectives = settings.dataset.objectives;
  LocalLog log(workspace.fs(), workspace.log_folder());
  GFR_ASSIGN(const EventTimes times, ReadEventTimes(log, PlannedTypes(objectives)));
  if (times.events == 0) return LogIsEmpty();
  const std::vector<ObjectivePlan> plans = PlanTraining(times, objectives, settings.split);
  TrainSettings possible = settings;
  possible.dataset.objectives.clear();
  std::string refusals;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    if (plans[o].refusal.empty()) {
      possible.dataset.objectives.push_back(objectives[o]);
      continue;
    }
    refusals += (refusals.empty() ? "" : "; ") + plans[o].refusal;
    left_out->push_back({objectives[o].name, plans[o].refusal});
  }
  if (possible.dataset.objectives.empty()) return Error{ErrorCode::kInvalidArgument, refusals};
  for (const LeftOutObjective& o : *left_out) LogWarning("train", o.why);
  return possible;
}

Result<Trained> TrainVersion(const Workspace& workspace, const TrainSettings& all, const DatasetOptions& options,
                             const WorkersConfig& workers) {
  if (workers.any() && all.train.engine != Forest::Engine::kXgboost)
    return Error{ErrorCode::kInvalidArgument,
                 "several processes train by XGBoost, but [train] engine is lightgbm: leave out --workers and "
                 "--remote-workers, or use xgboost"};
  std::vector<LeftOutObjective> left_out;
  GFR_ASSIGN(const TrainSettings settings, PlanTraining(workspace, all, &left_out));
  if (!workers.any()) {
    GFR_ASSIGN(const Dataset data, MakeDataset(workspace, settings.dataset, options));
    return AddLeftOut(std::move(left_out), TrainVersionOn(workspace, settings, data));
  }
  // The workers come first: what fails before the log is read costs no replay.
  GFR_ASSIGN(const auto api, XgboostApi::Load(FindXgboostLibrary()));
  GFR_ASSIGN(auto pool, WorkerPool::Start(workers));
  const DistributedTrainer engine(std::move(pool), api);
  GFR_ASSIGN(const Dataset data, MakeDataset(workspace, settings.dataset, options));
  TrainConfig config = settings.train;
  config.params.threads = std::max(1, config.params.threads / std::max(1, workers.local));
  return AddLeftOut(std::move(left_out),
                    TrainResuming(workspace, settings, data, config, engine,
                                  "xgboost, " + std::to_string(workers.local + workers.remote) + " workers"));
}

Result<Trained> TrainVersionOn(const Workspace& workspace, const TrainSettings& settings, const Dataset& data) {
  GFR_ASSIGN(const auto engine, LoadForestTrainer(settings.train.engine));
  return TrainResuming(workspace, settings, data, settings.train, *engine, EngineName(settings.train.engine));
}

Result<Trained> TrainVersionOn(const Workspace& workspace, const TrainSettings& settings, const Dataset& data,
                               const ForestTrainer& engine) {
  return TrainBy(workspace, settings, data, settings.train, engine);
}

Result<Trained> RecalibrateVersion(const Workspace& workspace, const TrainSettings& settings,
                                   const std::string& version, const DatasetOptions& options) {
  Registry registry(settings.registry, workspace.clock());
  GFR_ASSIGN(const Model model, LoadModel(workspace, registry, version));
  // The rows have the columns of today; the calibrators are fitted on those that the forests read.
  GFR_ASSIGN(const auto columns, FindColumns(model, *settings.dataset.features));
  GFR_ASSIGN(Dataset all, MakeDataset(workspace, settings.dataset, options));
  const Dataset data = SelectColumns(std::move(all), columns);
  GFR_ASSIGN(const auto engine, LoadForestTrainer(EngineOf(model)));
  GFR_ASSIGN(TrainedModel made, Recalibrate(model, data, settings.dataset.objectives, *engine));
  return Keep(workspace, settings, std::move(made), data);
}

}  // namespace gfr
