// [split] and [train]: how a dataset is cut into parts, and how a forest is trained on them.
#pragma once

#include "base/config.h"
#include "base/result.h"
#include "dataset/dataset.h"
#include "model/forest.h"
#include "train/forest_trainer.h"
#include "train/part.h"

namespace gfr {

struct SplitConfig {
  double test = 0.2, validation = 0.2;  // Shares of an objective's rows, by time.
  std::int64_t warmup_ms = 0;
  int folds = 4;
  static Result<SplitConfig> Read(Config& project);
};

struct TrainConfig {
  SampleConfig sample;  // Of [dataset] (dataset/dataset_config.h).
  Forest::Engine engine = Forest::Engine::kXgboost;
  ForestParams params;
  bool refit = true;
  static Result<TrainConfig> Read(Config& project);
};

}  // namespace gfr
