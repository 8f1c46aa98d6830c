#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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
namespace {

struct TrainedObjective {
  std::size_t index;  // Among the configuration's.
  Fitted fitted;
};

// An infinite value, which no engine takes, by its names.
Status CheckValues(const ObjectiveRows& rows, const ObjectiveConfig& objective, const Model& model) {
  const std::size_t columns = model.columns.size();
  const auto at = std::ranges::find_if(rows.features, [](float v) { return std::isinf(v); });
  if (at == rows.features.end()) return {};
  const auto index = static_cast<std::size_t>(at - rows.features.begin()), row = index / columns;
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("objective '{}' cannot be trained: feature '{}' is infinite in the row of the event at "
                  "offset {}, {}; valid are finite values and missing ones",
                  objective.name, model.columns[index % columns], rows.offset[row], FormatTime(rows.arrival_ms[row]))};
}

Error NoObjective(const std::vector<LeftOutObjective>& left_out) {
  std::string text;
  for (const LeftOutObjective& o : left_out) text += (text.empty() ? "" : "; ") + o.why;
  return {ErrorCode::kInvalidArgument, text.empty() ? "there is no objective to train" : text};
}

}  // namespace

Result<TrainedModel> TrainModel(const Dataset& data, const FeatureSet& features,
                                const std::vector<ObjectiveConfig>& objectives, const SplitConfig& split,
                                const TrainConfig& config, const ForestTrainer& engine) {
  for (const ObjectiveConfig& o : objectives) {  // What the configuration says is not left out: it is mended first.
    for (const Loss loss : LossesOf(o)) GFR_TRY(CheckLoss(loss, engine));
  }
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
  // What cannot be trained does not stop the others.
  std::vector<TrainedObjective> fitted;
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const Status valid = CheckValues(data.objectives[o], objectives[o], model);
    Result<Fitted> fit = valid.ok() ? Fit(data.objectives[o], objectives[o], model, parts[o], config, engine, false)
                                    : Result<Fitted>(valid.error());
    if (!fit.ok()) {
      if (fit.error().code != ErrorCode::kInvalidArgument) return fit.error();
      trained.left_out.push_back({objectives[o].name, fit.error().message});
      continue;
    }
    fitted.push_back({o, std::move(fit).value()});
    model.objectives.push_back(fitted.back().fitted.objective);
    model.card[objectives[o].name + ".test_from_ms"] = std::to_string(test[o].from_ms);
    model.card[objectives[o].name + ".test_to_ms"] = std::to_string(test[o].to_ms);
    stage("train " + objectives[o].name, data.objectives[o].size());
    model.card[objectives[o].name + ".rounds"] = std::to_string(fitted.back().fitted.rounds);
    if (!fitted.back().fitted.tried.empty())
      model.card[objectives[o].name + ".learnt"] = LossName(fitted.back().fitted.loss);
  }
  if (fitted.empty()) return NoObjective(trained.left_out);
  GFR_ASSIGN(trained.report, EvaluateModel(model, data, objectives, test, {.explain = Explainer(engine)}));
  for (std::size_t k = 0; k < fitted.size(); ++k) trained.report.objectives[k].tried = fitted[k].fitted.tried;
  std::uint64_t judged = 0;
  for (const ObjectiveReport& o : trained.report.objectives) judged += o.metrics.rows;
  stage("evaluate", judged);
  GFR_TRY(AddFolds(data, model, objectives, split, config, engine, trained.report));
  stage("rolling folds", data.objectives[RankingObjective(objectives, model)].size() * trained.report.folds.size());

  if (config.refit) {
    trained.before_refit = model;
    // Calibration of the refit: predictions that were out of time for the forest before it.
    // The dictionaries stay those of the first fit, so that its predictions and the refit read the same columns.
    for (std::size_t k = 0; k < fitted.size(); ++k) {
      const auto& [o, fit] = fitted[k];
      ObjectiveModel& made = model.objectives[k];
      const SelectedRows late =
          SelectRows(data.objectives[o], fit.objective.softmax, model, parts[o].calibration, INT64_MAX);
      GFR_TRY(Calibrate(objectives[o], late, fit.objective.forest, &made));
      GFR_ASSIGN(made.maturation, Maturation(data.objectives[o], objectives[o], parts[o].begin, INT64_MAX));
      GFR_ASSIGN(made.forest, Refit(data.objectives[o], fit.loss, model, parts[o].begin, INT64_MAX, fit.rounds, config,
                                    engine, &made.forest_bytes));
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
  if (data.sampled) model.card["slates"] = "sampled";
  model.card["refit"] = config.refit ? "true" : "false";
  model.card["engine"] = EngineName(config.engine);
  trained.model = std::move(model);
  return trained;
}

}  // namespace gfr
