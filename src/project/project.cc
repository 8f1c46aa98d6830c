#include "project/project.h"

#include "automation/trigger_runner.h"
#include "feature/definitions.h"
#include "object/open_object_store.h"
#include "project/templates.h"

namespace gfr {

Status Project::Init(const std::string& folder, const std::string& template_name) {
  const Workspace workspace(folder);
  FileSystem& fs = workspace.fs();
  const std::string path = workspace.configuration_path();
  GFR_ASSIGN(const std::string text, TemplateText(template_name));
  if (fs.Exists(path)) return Error{ErrorCode::kAlreadyExists, "'" + path + "' exists already; it is left as it is"};
  GFR_TRY(fs.MakeFolders(workspace.log_folder()));
  return PublishFile(fs, path, text);
}

Result<std::unique_ptr<Project>> Project::Open(const std::string& folder, const Configuration::UpperTables& upper) {
  return Open(Workspace(folder), upper);
}

Result<std::unique_ptr<Project>> Project::Open(Workspace workspace, const Configuration::UpperTables& upper) {
  std::unique_ptr<Project> project(new Project(std::move(workspace)));
  GFR_ASSIGN(Config file, project->workspace_.ReadConfiguration());
  GFR_ASSIGN(project->configuration_, Configuration::Read(file, upper));
  GFR_ASSIGN(project->models_, project->configuration_->registry.Open(project->workspace_.fs(), project->folder()));
  return project;
}

DatasetSettings Project::dataset_settings() const {
  return {.features = configuration_->features,
          .objectives = configuration_->objectives,
          .leave_out = configuration_->dataset.leave_out,
          .incremental = configuration_->dataset.incremental};
}

TrainSettings Project::train_settings() const {
  return {.dataset = dataset_settings(),
          .split = configuration_->split,
          .train = configuration_->train,
          .model_text = configuration_->model_text,
          .registry = models_,
          .training_text = configuration_->training_text};
}

ExperimentSettings Project::experiment_settings() const {
  return {.experiments = configuration_->experiments,
          .metrics = configuration_->metrics,
          .leave_out = configuration_->dataset.leave_out,
          .alias = features()->schema.alias};
}

EvaluateSettings Project::evaluate_settings() const { return {.dataset = dataset_settings(), .registry = models_}; }

JudgeSettings Project::judge_settings() const { return {.dataset = dataset_settings(), .registry = models_}; }

IndexSettings Project::index_settings() const {
  return {.index = configuration_->index,
          .leave_out = configuration_->dataset.leave_out,
          .alias = features()->schema.alias,
          .registry = models_};
}

Result<DistillSettings> Project::distill_settings(const std::string& feed) const {
  for (const FeedConfig& declared : feeds().all) {
    if (!feed.empty() && declared.name != feed) continue;
    DistillSettings settings{.features = features(),
                             .feed = &declared,
                             .registry = models_,
                             .model_version = "",
                             .requests = configuration_->index.first_stage_requests,
                             .options = {.items = configuration_->index.first_stage_items}};
    for (const ChannelConfig& channel : declared.channels) {
      if (channel.source == "catalogue") settings.budget_ms = channel.budget_ms;
    }
    return settings;
  }
  return Error{ErrorCode::kNotFound, "no [[feed]] is named '" + feed + "'"};
}

Triggers Project::triggers() const {
  Triggers triggers{
      .all = *configuration_->triggers, .objectives = {}, .project_fingerprint = configuration_->fingerprint};
  for (const ObjectiveConfig& o : objectives()) triggers.objectives.push_back(o.name);
  return triggers;
}

Result<std::shared_ptr<ObjectStore>> Project::OpenSharedStore() const {
  const std::string& dir = configuration_->store.dir;
  if (dir.empty()) return std::shared_ptr<ObjectStore>();
  return OpenObjectStore(workspace_.fs(), dir);
}

Result<Model> Project::LoadModel(const std::string& version) const {
  Registry models = registry();
  return gfr::LoadModel(workspace_, models, version);
}

Status Project::WriteDefinitions() const {
  return gfr::WriteDefinitions(workspace_.fs(), workspace_.definitions_folder(), *features());
}

}  // namespace gfr
