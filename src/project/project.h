// Project: a folder with its gfr.toml: the workspace, the configuration as read once, and what operations need of both.
//
// Thread safety: any thread; it does not change once it is open.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "operations/distill_index.h"
#include "operations/evaluate_version.h"
#include "operations/experiment_results.h"
#include "operations/judge_version.h"
#include "operations/load_model.h"
#include "operations/make_index.h"
#include "operations/train_version.h"
#include "project/configuration.h"
#include "registry/registry.h"
#include "workspace/workspace.h"

namespace gfr {

struct Triggers;  // automation/trigger_runner.h

class Project {
 public:
  // Makes the folder with a gfr.toml of a template (project/templates.h). kAlreadyExists: it has one.
  static Status Init(const std::string& folder, const std::string& template_name);
  // Reads gfr.toml. `upper` reads the tables of modules above this one.
  static Result<std::unique_ptr<Project>> Open(const std::string& folder, const Configuration::UpperTables& upper = {});
  static Result<std::unique_ptr<Project>> Open(Workspace workspace, const Configuration::UpperTables& upper = {});

  const Workspace& workspace() const { return workspace_; }
  const Configuration& configuration() const { return *configuration_; }
  ObjectStore& objects() const { return *models_; }  // Of the registry; other things of the project's lie there too.
  Registry registry() const { return Registry(models_, workspace_.clock()); }

  // The settings of operations (src/operations).
  DatasetSettings dataset_settings() const;
  TrainSettings train_settings() const;
  EvaluateSettings evaluate_settings() const;
  ExperimentSettings experiment_settings() const;
  JudgeSettings judge_settings() const;
  IndexSettings index_settings() const;
  // Of a feed by its name; an empty one is the first. kNotFound: there is none of this name.
  Result<DistillSettings> distill_settings(const std::string& feed) const;
  Triggers triggers() const;
  std::shared_ptr<ObjectStore> shared_objects() const { return models_; }
  // [store] dir (operations/shared_store.h); null: there is none.
  Result<std::shared_ptr<ObjectStore>> OpenSharedStore() const;

  // Short for what is in the workspace and the configuration.
  const std::string& folder() const { return workspace_.folder(); }
  std::string log_folder() const { return workspace_.log_folder(); }
  std::string lake_folder() const { return workspace_.lake_folder(); }
  std::string snapshot_path() const { return workspace_.snapshot_path(); }
  std::string kept_snapshots_folder() const { return workspace_.kept_snapshots_folder(); }
  std::string erased_path() const { return workspace_.erased_path(); }
  std::string offline_folder() const { return workspace_.offline_folder(); }
  std::shared_ptr<const FeatureSet> features() const { return configuration_->features; }
  const std::vector<ObjectiveConfig>& objectives() const { return configuration_->objectives; }
  const Feeds& feeds() const { return configuration_->feeds; }

  // An empty version is the champion (operations/load_model.h).
  Result<Model> LoadModel(const std::string& version) const;
  // Keeps which columns older model versions name (feature/definitions.h), as each training does too.
  Status WriteDefinitions() const;

 private:
  explicit Project(Workspace workspace) : workspace_(std::move(workspace)) {}

  Workspace workspace_;
  std::shared_ptr<const Configuration> configuration_;
  std::shared_ptr<ObjectStore> models_;
};

}  // namespace gfr
