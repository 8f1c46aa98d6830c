#include "project/project.h"

#include <algorithm>
#include <cstdio>

#include "base/time.h"
#include "bound/bind_columns.h"
#include "project/cross_checks.h"
#include "project/feed_table.h"
#include "project/templates.h"
#include "train/distributed_trainer.h"
#include "train/judge_choices.h"
#include "train/resuming_trainer.h"
#include "train/xgboost_api.h"

namespace gfr {
namespace {

// The one that trained its forests.
Forest::Maker EngineOf(const Model& model) {
  return model.objectives.empty() ? Forest::Maker::kXgboost : model.objectives[0].forest.maker;
}

}  // namespace

Status Project::Init(const std::string& folder, const std::string& template_name) {
  FileSystem& fs = PosixFileSystem();
  GFR_ASSIGN(const std::string text, TemplateText(template_name));
  const std::string path = JoinPath(folder, "gfr.toml");
  if (fs.Exists(path)) return Error{ErrorCode::kAlreadyExists, "'" + path + "' exists already; it is left as it is"};
  GFR_TRY(fs.MakeFolders(JoinPath(folder, "data/log")));
  return PublishFile(fs, path, text);
}

Result<std::unique_ptr<Project>> Project::Open(const std::string& folder) {
  auto project = std::make_unique<Project>();
  project->workspace_ = Workspace(folder);
  GFR_ASSIGN(Config config, project->workspace_.ReadConfiguration());
  GFR_ASSIGN(project->features_, FeatureSet::Make(config));
  project->model_configuration_ = config.Extract(
      {"item", "user", "request", "request_item", "catalogue", "feature", "objective", "feed", "channel"});
  GFR_ASSIGN(project->objectives_, ObjectiveConfig::ReadAll(config, *project->features_));
  GFR_ASSIGN(project->split_, SplitConfig::Read(config));
  GFR_ASSIGN(project->train_, TrainConfig::Read(config));
  GFR_ASSIGN(project->feed_, ReadFeedTable(config));
  GFR_TRY(CheckValueFormula(config, project->feed_, project->objectives_));
  Config serve = config.Table("serve");
  project->serve_.listen = serve.String("listen", project->serve_.listen);
  project->serve_.clock = serve.String("clock", "wall");
  project->serve_.admin_token = serve.String("admin_token", "");
  project->serve_.owner = serve.String("owner", "");
  project->serve_.max_connections =
      static_cast<int>(serve.Integer("max_connections", project->serve_.max_connections, 1, 65536));
  project->serve_.verify_ms = serve.DurationMs("verify", project->serve_.verify_ms);
  GFR_TRY(serve.Finish());
  Config store = config.Table("store");
  GFR_ASSIGN(project->serve_.online, ParseOnlineAddress(store.String("online", "embedded"), store.where("online")));
  project->serve_.memory_bytes = store.SizeBytes("memory", 0);
  GFR_TRY(store.Finish());
  Config models = config.Table("registry");
  const std::string location = models.String("location", "");
  if (location.starts_with("s3://")) {
    const auto options = S3OptionsOf(location);
    if (!options.ok()) {
      models.Fail("location", options.error().message);
    } else {
      GFR_ASSIGN(project->models_, S3ObjectStore(options.value()));
    }
  } else if (!location.empty()) {
    project->models_ = LocalObjectStore(PosixFileSystem(), project->workspace_.Resolve(location));
  } else {
    project->models_ = LocalObjectStore(PosixFileSystem(), project->workspace_.models_folder());
  }
  GFR_TRY(models.Finish());
  GFR_TRY(config.Finish());
  return project;
}

Registry Project::registry() const { return Registry(models_, workspace_.clock()); }

Result<Dataset> Project::MakeDataset(const DatasetOptions& options) const {
  DatasetOptions with = options;
  with.leave_out = train_.leave_out;
  return BuildDataset(workspace_.fs(), log_folder(), features_, objectives_, with);
}

Result<Dataset> Project::ReplayRows(const DatasetOptions& options, RowSink& sink) const {
  DatasetOptions with = options;
  with.leave_out = train_.leave_out;
  return BuildRows(workspace_.fs(), log_folder(), features_, objectives_, with, sink);
}

Result<Project::Trained> Project::Train(const DatasetOptions& options, const WorkersConfig& workers) {
  if (!workers.any()) {
    GFR_ASSIGN(const Dataset data, MakeDataset(options));
    return TrainOn(data);
  }
  if (train_.engine != Forest::Maker::kXgboost)
    return Error{ErrorCode::kInvalidArgument,
                 "several processes train by XGBoost, but [train] engine is lightgbm: leave out --workers and "
                 "--remote-workers, or use xgboost"};
  GFR_ASSIGN(const auto api, XgboostApi::Load(FindXgboostLibrary()));
  GFR_ASSIGN(auto pool, WorkerPool::Start(workers));
  const DistributedTrainer engine(std::move(pool), api);
  GFR_ASSIGN(const Dataset data, MakeDataset(options));
  TrainConfig config = train_;
  config.params.threads = std::max(1, train_.params.threads / std::max(1, workers.local));
  return TrainOrGoOn(data, config, engine, "xgboost, " + std::to_string(workers.local + workers.remote) + " workers");
}

Result<Project::Trained> Project::TrainOn(const Dataset& data) {
  GFR_ASSIGN(const auto engine, LoadForestTrainer(train_.engine));
  return TrainOrGoOn(data, train_, *engine, MakerName(train_.engine));
}

Result<Project::Trained> Project::TrainOrGoOn(const Dataset& data, const TrainConfig& config,
                                              const ForestTrainer& engine, const std::string& name) {
  const ResumingTrainer resuming(PosixFileSystem(), workspace_.training_folder(), name, engine);
  GFR_ASSIGN(Trained trained, TrainOn(data, config, resuming));
  GFR_TRY(resuming.Forget());
  return trained;
}

Result<Project::Trained> Project::TrainOn(const Dataset& data, const ForestTrainer& engine) {
  return TrainOn(data, train_, engine);
}

Result<Project::Trained> Project::TrainOn(const Dataset& data, const TrainConfig& config, const ForestTrainer& engine) {
  if (data.records == 0)
    return Error{ErrorCode::kInvalidArgument, "the log is empty; `gfr import` or `gfr simulate` fills it"};
  GFR_ASSIGN(TrainedModel trained, TrainModel(data, *features_, objectives_, split_, config, engine));
  trained.model.configuration = model_configuration_;
  return Keep(std::move(trained), data);
}

Result<Project::Trained> Project::Recalibrate(const std::string& version, const DatasetOptions& options) {
  GFR_ASSIGN(const Model model, LoadModel(version));
  GFR_ASSIGN(const auto columns, FindColumns(model, *features_));
  GFR_ASSIGN(Dataset all, MakeDataset(options));
  const Dataset data = SelectColumns(std::move(all), columns);
  GFR_ASSIGN(const auto engine, LoadForestTrainer(EngineOf(model)));
  GFR_ASSIGN(TrainedModel made, gfr::Recalibrate(model, data, objectives_, *engine));
  return Keep(std::move(made), data);
}

// Registers the model with its report; the first of all versions becomes the champion.
Result<Project::Trained> Project::Keep(TrainedModel trained, const Dataset& data) {
  GFR_TRY(WriteDefinitions());
  auto files = ModelToFiles(trained.model);
  files["metrics.json"] = ReportToJson(trained.report);
  Registry models = registry();
  Trained out;
  Registry::Lineage lineage = trained.model.card;
  lineage["feature_fingerprint"] = std::to_string(trained.model.feature_fingerprint);
  lineage["rows_from"] = std::to_string(data.first_arrival_ms);
  lineage["log_events"] = std::to_string(data.records);
  GFR_ASSIGN(out.version, models.Register(kModelName, files, lineage));
  if (!models.Champion(kModelName).ok()) {
    GFR_TRY(models.Promote(kModelName, out.version));
    out.champion = true;
  }
  trained.report.model = std::string(kModelName) + "/" + out.version;
  const std::string reports = workspace_.reports_folder();
  GFR_TRY(PosixFileSystem().MakeFolders(reports));
  out.html_path = JoinPath(reports, "train-" + out.version + ".html");
  GFR_TRY(PublishFile(PosixFileSystem(), out.html_path, ReportToHtml(trained.report)));
  GFR_TRY(PublishFile(PosixFileSystem(), JoinPath(reports, "train-" + out.version + ".json"),
                      ReportToJson(trained.report)));
  out.report = std::move(trained.report);
  out.stages = std::move(trained.stages);
  return out;
}

Result<Model> Project::LoadModel(const std::string& version) const {
  Registry models = registry();
  std::string wanted = version;
  if (wanted.empty()) {
    GFR_ASSIGN(wanted, models.Champion(kModelName));
  }
  GFR_ASSIGN(const auto files, models.Load(kModelName, wanted));
  GFR_ASSIGN(Model model, ModelFromFiles(files, kModelName, wanted));
  if (!model.column_fingerprints.empty()) return model;
  const auto columns = ReadDefinitions(PosixFileSystem(), definitions_folder(), model.feature_fingerprint);
  if (!columns.ok() && columns.error().code != ErrorCode::kNotFound) return columns.error();
  if (columns.ok() && std::ranges::equal(columns.value(), model.columns, {}, &NamedFingerprint::name)) {
    for (const NamedFingerprint& column : columns.value()) model.column_fingerprints.push_back(column.fingerprint);
  }
  return model;
}

Result<Model> Project::LoadBound(const std::string& version) const {
  GFR_ASSIGN(Model model, LoadModel(version));
  return BindColumns(std::move(model), *features_);
}

Result<EvaluationReport> Project::Evaluate(const std::string& version, std::int64_t from_ms, std::int64_t to_ms,
                                           const std::string& against, bool position_bias, bool off_policy) const {
  GFR_ASSIGN(const Model model, LoadBound(version));
  Model other;
  if (!against.empty()) {
    GFR_ASSIGN(other, LoadBound(against));
  }
  std::vector<TimeRange> ranges(objectives_.size(), {from_ms, to_ms});
  const bool own_test = from_ms == INT64_MIN && to_ms == INT64_MAX;
  for (std::size_t o = 0; own_test && o < ranges.size(); ++o) {
    ranges[o] = TestRange(model, objectives_[o].name);
    from_ms = o == 0 ? ranges[o].from_ms : std::min(from_ms, ranges[o].from_ms);
    to_ms = o == 0 ? ranges[o].to_ms : std::max(to_ms, ranges[o].to_ms);
  }
  GFR_ASSIGN(const Dataset data,
             MakeDataset({.from_ms = from_ms, .to_ms = to_ms, .choices = off_policy || position_bias}));
  const auto engine = LoadForestTrainer(EngineOf(model));
  if (!engine.ok()) std::fprintf(stderr, "evaluate: no importance of features: %s\n", engine.error().message.c_str());
  EvaluationReport report =
      EvaluateModel(model, data, objectives_, ranges, engine.ok() ? engine.value().get() : nullptr,
                    against.empty() ? nullptr : &other, position_bias);
  for (const Model* judged : std::initializer_list<const Model*>{&model, &other}) {
    if (off_policy && !judged->objectives.empty())
      report.off_policy.push_back({judged->name + "/" + judged->version, JudgeChoices(*judged, data, from_ms, to_ms)});
  }
  const auto learnt = [&](const Model& m) {
    return m.card.at("refit") == "true" && from_ms <= std::stoll(m.card.at("rows_until"));
  };
  if (learnt(model) || (!against.empty() && learnt(other))) {
    report.note =
        "Part of these rows was in the training of the refitted model, which judges it too well; the report of `gfr "
        "train` is out of time.";
  }
  return report;
}

}  // namespace gfr
