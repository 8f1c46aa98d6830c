#include "train/trainer.h"

#include <algorithm>

#include "base/clock.h"
#include "base/time.h"
#include "evaluate/evaluate_model.h"
#include "evaluate/rank_slates.h"
#include "evaluate/selected_rows.h"
#include "train/calibrate.h"
#include "train/dictionary.h"
#include "train/fit.h"
#include "train/folds.h"
#include "train/split.h"

namespace gfr {

Result<TrainedModel> TrainModel(const Dataset& data, const FeatureSet& features,
                                const std::vector<ObjectiveConfig>& objectives, const SplitConfig& split,
                                const TrainConfig& config, const ForestTrainer& engine) {
  std::vector<Boundaries> parts;
  std::vector<TimeRange> test;
  std::int64_t first_validation = INT64_MAX;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    parts.push_back(Split(data, data.objectives[o], objectives[o], split, 1.0));
    test.push_back({parts[o].test, parts[o].end});
    first_validation = std::min(first_validation, parts[o].validation);
  }
  TrainedModel trained;
  double stage_start_s = MonotonicSeconds();
  const auto stage = [&](std::string name, std::uint64_t rows) {
    const double now_s = MonotonicSeconds();
    trained.stages.push_back({std::move(name), rows, now_s - std::exchange(stage_start_s, now_s)});
  };
  Model model = EmptyModel(features);
  MakeDictionaries(data, first_validation, model);
  std::vector<Fitted> fitted;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    GFR_ASSIGN(Fitted one, Fit(data.objectives[o], objectives[o], model, parts[o], config, engine, /*quiet=*/false));
    fitted.push_back(std::move(one));
    model.objectives.push_back(fitted.back().objective);
    model.card[objectives[o].name + ".test_from_ms"] = std::to_string(test[o].from_ms);
    model.card[objectives[o].name + ".test_to_ms"] = std::to_string(test[o].to_ms);
    stage("train " + objectives[o].name, data.objectives[o].size());
    model.card[objectives[o].name + ".rounds"] = std::to_string(fitted.back().rounds);
    if (!fitted.back().tried.empty()) model.card[objectives[o].name + ".learnt"] = LossName(fitted.back().loss);
  }
  GFR_ASSIGN(trained.report, EvaluateModel(model, data, objectives, test, {.explain = Explainer(engine)}));
  for (std::size_t o = 0; o < objectives.size(); ++o) trained.report.objectives[o].tried = fitted[o].tried;
  std::uint64_t judged = 0;
  for (const ObjectiveReport& o : trained.report.objectives) judged += o.metrics.rows;
  stage("evaluate", judged);
  GFR_TRY(AddFolds(data, model, objectives, split, config, engine, trained.report));
  stage("rolling folds", data.objectives[RankingObjective(objectives)].size() * trained.report.folds.size());

  if (config.refit) {
    // Calibration of the refit: predictions that were out of time for the forest before it.
    // The dictionaries stay those of the first fit, so that its predictions and the refit read the same columns.
    for (std::size_t o = 0; o < objectives.size(); ++o) {
      const SelectedRows late =
          SelectRows(data.objectives[o], fitted[o].objective.softmax, model, parts[o].calibration, INT64_MAX);
      GFR_TRY(Calibrate(objectives[o], late, fitted[o].objective.forest, &model.objectives[o]));
      GFR_ASSIGN(model.objectives[o].maturation,
                 Maturation(data.objectives[o], objectives[o], parts[o].begin, INT64_MAX));
      GFR_ASSIGN(model.objectives[o].forest,
                 Refit(data.objectives[o], fitted[o].loss, model, parts[o].begin, INT64_MAX, fitted[o].rounds, config,
                       engine, &model.objectives[o].forest_bytes));
      stage("refit " + objectives[o].name, data.objectives[o].size());
    }
  }
  for (const ObjectiveModel& o : model.objectives)
    model.card[o.name + ".calibration"] = DescribeCalibration(model, data, o);
  for (const ObjectiveModel& o : model.objectives) {
    if (o.early_window_ms == 0) continue;
    model.card[o.name + ".early_window"] = FormatDuration(o.early_window_ms);
    model.card[o.name + ".maturation"] = std::to_string(o.maturation);
  }
  model.card["rows_until"] = std::to_string(data.last_arrival_ms);
  model.card["refit"] = config.refit ? "true" : "false";
  model.card["engine"] = MakerName(config.engine);
  trained.model = std::move(model);
  return trained;
}

}  // namespace gfr
