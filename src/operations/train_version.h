// Train: the project's log becomes a new model version in the registry, with its evaluation report.
//
// The first version of all becomes the champion. Reports go to data/reports/train-VERSION.{html,json}. A training that
// was killed goes on, when it is run again, from the first forest that it had not finished (train/resuming_trainer.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "evaluate/report.h"
#include "object/object_store.h"
#include "operations/make_dataset.h"
#include "train/distributed/worker_pool.h"
#include "train/trainer.h"

namespace gfr {

struct TrainSettings {
  DatasetSettings dataset;
  SplitConfig split;
  TrainConfig train;
  std::string model_text;                 // What the version keeps of gfr.toml (Model::configuration).
  std::shared_ptr<ObjectStore> registry;  // Where versions are kept.
  // All of gfr.toml that training depends on: its hash is the lineage's "training_configuration".
  std::string training_text = {};
  std::map<std::string, std::string> lineage = {};  // More of the version's: which run of a trigger it is of.
};

struct Trained {
  std::string version;
  bool champion = false;
  EvaluationReport report;
  std::string html_path;
  std::vector<StageTime> stages;
  std::vector<LeftOutObjective> left_out;  // What the log cannot train, and why.
};

// The settings with those objectives alone that the log can train, as far as the times of its events say
// (train/training_plan.h): before anything is replayed. kInvalidArgument: there is none, or the log is empty; the
// message says why of each, and how many days are needed.
Result<TrainSettings> PlanTraining(const Workspace& workspace, const TrainSettings& settings,
                                   std::vector<LeftOutObjective>* left_out);

// Plans, replays the log and trains. With `workers`, they train the forests and all else is done here.
// kInvalidArgument: the log is empty, or [train] engine cannot train with workers.
Result<Trained> TrainVersion(const Workspace& workspace, const TrainSettings& settings,
                             const DatasetOptions& options = {}, const WorkersConfig& workers = {});
// The same on a dataset that was made before, by [train] engine in this process.
Result<Trained> TrainVersionOn(const Workspace& workspace, const TrainSettings& settings, const Dataset& data);
// The same by `engine`; nothing is kept of a training that does not end.
Result<Trained> TrainVersionOn(const Workspace& workspace, const TrainSettings& settings, const Dataset& data,
                               const ForestTrainer& engine);

// A version with the forests of `version` (empty: the champion) and calibrators of the newest rows.
Result<Trained> RecalibrateVersion(const Workspace& workspace, const TrainSettings& settings,
                                   const std::string& version, const DatasetOptions& options = {});

}  // namespace gfr
