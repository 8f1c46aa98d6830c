// Project: one folder with its gfr.toml, and the pipeline over it, as the command line and the server call it.
//
// Thread safety: none; a Project reads its configuration once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "dataset/dataset.h"
#include "dataset/row_builder.h"
#include "dataset/verify_served.h"
#include "evaluate/report.h"
#include "feature/definitions.h"
#include "feed/feed_config.h"
#include "registry/registry.h"
#include "store/online_address.h"
#include "train/trainer.h"
#include "train/worker_pool.h"
#include "workspace/workspace.h"

namespace gfr {

struct ServeConfig {
  std::string listen = "127.0.0.1:8080";
  std::string clock = "wall";  // wall | log
  std::string admin_token;
  std::string owner;  // HOST:PORT of the server that has the log; empty: this one. With one, a server only reads.
  int max_connections = 512;                // Beyond these a client is answered 503.
  std::uint64_t memory_bytes = 0;           // [store] memory: what the states may take; 0: no limit.
  OnlineAddress online;                     // [store] online: where the rows of feeds are read.
  std::int64_t verify_ms = 10 * kMinuteMs;  // Served values are checked against a replay so often; 0: never.
};

class Project {
 public:
  static Status Init(const std::string& folder, const std::string& template_name);
  static Result<std::unique_ptr<Project>> Open(const std::string& folder);

  const Workspace& workspace() const { return workspace_; }
  const std::string& folder() const { return workspace_.folder(); }
  std::string log_folder() const { return workspace_.log_folder(); }
  std::string lake_folder() const { return workspace_.lake_folder(); }
  std::string snapshot_path() const { return workspace_.snapshot_path(); }
  std::string erased_path() const { return workspace_.erased_path(); }
  std::shared_ptr<const FeatureSet> features() const { return features_; }
  const std::vector<ObjectiveConfig>& objectives() const { return objectives_; }
  const SplitConfig& split() const { return split_; }
  const TrainConfig& train() const { return train_; }
  const FeedConfig& feed() const { return feed_; }
  const ServeConfig& serve() const { return serve_; }
  Registry registry() const;

  Result<Dataset> MakeDataset(const DatasetOptions& options) const;
  Result<Dataset> ReplayRows(const DatasetOptions& options, RowSink& sink) const;  // BuildRows of the project's log.

  struct Trained {
    std::string version;
    bool champion = false;
    EvaluationReport report;
    std::string html_path;
    std::vector<StageTime> stages;
  };
  // With `workers`, they learn the forests; all else is done here. One that was killed goes on when it is run again.
  Result<Trained> Train(const DatasetOptions& options = {}, const WorkersConfig& workers = {});
  Result<Trained> TrainOn(const Dataset& data);  // By [train] engine, in this process.
  Result<Trained> TrainOn(const Dataset& data, const ForestTrainer& engine);
  // A version with calibrators of the newest rows and the forests of `version` ("": the champion).
  Result<Trained> Recalibrate(const std::string& version, const DatasetOptions& options = {});
  // Which columns the fingerprints of models of format 1 to 4 stand for (feature/definitions.h).
  std::string definitions_folder() const { return workspace_.definitions_folder(); }
  Status WriteDefinitions() const { return gfr::WriteDefinitions(workspace_.fs(), definitions_folder(), *features_); }
  std::string offline_folder() const { return workspace_.offline_folder(); }
  // "" is the champion; `against`, a version to compare with: "" is none.
  Result<EvaluationReport> Evaluate(const std::string& version, std::int64_t from_ms, std::int64_t to_ms,
                                    const std::string& against = "", bool position_bias = false,
                                    bool off_policy = false) const;
  // "" is the champion. Of format 1 to 4 with its columns' fingerprints, where data/definitions has them.
  Result<Model> LoadModel(const std::string& version) const;

  static constexpr const char* kModelName = "feed";

 private:
  Result<Model> LoadBound(const std::string& version) const;  // On rows of features(); errors as of BindColumns.
  Result<Trained> TrainOn(const Dataset& data, const TrainConfig& config, const ForestTrainer& engine);
  // The same, from where an earlier training that did not end left off (resuming_trainer.h).
  Result<Trained> TrainOrGoOn(const Dataset& data, const TrainConfig& config, const ForestTrainer& engine,
                              const std::string& name);
  Result<Trained> Keep(TrainedModel trained, const Dataset& data);
  Workspace workspace_{""};
  std::shared_ptr<const FeatureSet> features_;
  std::string model_configuration_;  // What a model version keeps of gfr.toml.
  std::vector<ObjectiveConfig> objectives_;
  SplitConfig split_;
  TrainConfig train_;
  FeedConfig feed_;
  ServeConfig serve_;
  std::shared_ptr<ObjectStore> models_;
};

}  // namespace gfr
