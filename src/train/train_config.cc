#include "train/train_config.h"

namespace gfr {

Result<SplitConfig> SplitConfig::Read(Config& project) {
  Config table = project.Table("split");
  SplitConfig split;
  split.test = table.Number("test", split.test, 0.01, 0.5);
  split.validation = table.Number("validation", split.validation, 0.02, 0.5);
  split.warmup_ms = table.DurationMs("warmup", 0);
  split.folds = static_cast<int>(table.Integer("folds", split.folds, 0, 20));
  GFR_TRY(table.Finish());
  return split;
}

Result<TrainConfig> TrainConfig::Read(Config& project) {
  Config table = project.Table("train");
  TrainConfig train;
  const std::string engine = table.String("engine", EngineName(train.engine));
  if (engine == EngineName(Forest::Engine::kLightgbm))
    train.engine = Forest::Engine::kLightgbm;
  else if (engine != EngineName(Forest::Engine::kXgboost))
    table.Fail("engine", "is '" + engine + "'; valid are xgboost and lightgbm");
  ForestParams& p = train.params;
  p.depth = static_cast<int>(table.Integer("depth", p.depth, 1, 16));
  p.eta = table.Number("eta", p.eta, 1e-4, 1);
  p.max_rounds = static_cast<int>(table.Integer("max_rounds", p.max_rounds, 1, 100000));
  p.early_stopping = static_cast<int>(table.Integer("early_stopping", p.early_stopping, 1, 10000));
  p.min_child_weight = table.Number("min_child_weight", p.min_child_weight, 0, 1e9);
  p.lambda = table.Number("lambda", p.lambda, 0, 1e9);
  p.subsample = table.Number("subsample", p.subsample, 0.01, 1);
  p.colsample = table.Number("colsample", p.colsample, 0.01, 1);
  p.max_bin = static_cast<int>(table.Integer("max_bin", p.max_bin, 4, 65535));
  p.threads = static_cast<int>(table.Integer("threads", p.threads, 1, 1024));
  p.seed = static_cast<std::uint64_t>(table.Integer("seed", 7, 0, 1 << 30));
  train.refit = table.Boolean("refit", true);
  GFR_TRY(table.Finish());
  return train;
}

}  // namespace gfr
