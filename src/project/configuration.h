// Configuration: gfr.toml as one value that never changes, put together from the tables that each module reads itself.
//
// A module reads its table with a function of its own (ObjectiveConfig::ReadAll, TrainConfig::Read, ...), which checks
// all that it can see. What takes two tables is read with both (project/feed_table.h). A key or a table that nobody
// reads is refused. docs/configuration.md has every key. Thread safety: any thread may read it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "dataset/dataset_config.h"
#include "dataset/objective_config.h"
#include "event/event_rules.h"
#include "experiment/experiments.h"
#include "feed/feed_config.h"
#include "index/index_config.h"
#include "log/log_config.h"
#include "registry/registry_config.h"
#include "store/store_config.h"
#include "train/trainer.h"

namespace gfr {

struct ScalingRules;   // automation/scaling.h
struct TriggerConfig;  // automation/trigger_config.h

struct Configuration {
  std::shared_ptr<const FeatureSet> features;
  EventRules event_rules;  // What the importers and the server hold events to.
  std::vector<ObjectiveConfig> objectives;
  DatasetConfig dataset;
  SplitConfig split;
  TrainConfig train;
  Feeds feeds;
  Experiments experiments;
  std::vector<MetricConfig> metrics;  // [[metric]]: what experiments are judged by.
  LogConfig log;
  StoreConfig store;
  RegistryConfig registry;
  IndexConfig index;
  std::string feature_text;  // What the features depend on, as gfr.toml says it: of equal texts, equal states.
  // What only a start can change, each as "[table] key" with its text.
  std::map<std::string, std::string> fixed;
  std::uint64_t fingerprint = 0;  // Of all else.
  std::string
      training_text;  // What a training depends on: the same without feeds, with [split], [train] and [dataset].
  // Never null. Declared only: what reads neither is not compiled anew when they change.
  std::shared_ptr<const std::vector<TriggerConfig>> triggers;
  std::shared_ptr<const ScalingRules> scaling;
  std::string model_text;  // What a model version keeps of gfr.toml: features, items, objectives and feeds.

  // Reads the tables of modules above this one, as [serve]: such a module hands in its own reader. Without one, those
  // tables are not looked into.
  using UpperTables = std::function<Status(Config& project)>;

  // kInvalidArgument names file, line and key, and what would be valid.
  static Result<std::shared_ptr<const Configuration>> Read(Config& project, const UpperTables& upper = {});
};

// The tables of gfr.toml that a model version keeps (Configuration::model_text).
const std::vector<std::string>& ModelTables();

}  // namespace gfr
