#include "train/recalibrate.h"

#include <algorithm>

#include "evaluate/evaluate_model.h"
#include "evaluate/selected_rows.h"
#include "train/calibrate.h"

namespace gfr {

Result<TrainedModel> Recalibrate(const Model& model, const Dataset& data,
                                 const std::vector<ObjectiveConfig>& objectives, const ForestTrainer& engine) {
  const auto refit = model.card.find("refit"), until = model.card.find("rows_until");
  if (refit == model.card.end() || until == model.card.end())
    return Error{ErrorCode::kInvalidArgument, "the model's card does not say which rows it has learnt from"};
  TrainedModel made{.model = model};
  Model half = model;
  std::vector<TimeRange> later(objectives.size());
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const ObjectiveRows& rows = data.objectives[o];
    for (std::size_t m = 0; m < model.objectives.size(); ++m) {
      const ObjectiveModel& objective = model.objectives[m];
      if (objective.name != objectives[o].name) continue;
      const std::int64_t from_ms = refit->second == "true" ? std::stoll(until->second) - objectives[o].horizon_ms() + 1
                                                           : TestRange(model, objective.name).from_ms;
      const SelectedRows fresh = SelectRows(rows, objective.softmax, model, from_ms, INT64_MAX);
      const auto positives = std::ranges::count_if(fresh.labels, [](float label) { return label > 0; });
      if (positives < 100 || (!objective.mean && static_cast<std::ptrdiff_t>(fresh.size()) - positives < 100))
        return Error{
            ErrorCode::kInvalidArgument,
            "objective '" + objective.name + "' has " + std::to_string(fresh.size()) + " rows with " +
                std::to_string(positives) +
                " positives that the model has not learnt from; 100 of each class are needed: import more days"};
      const auto first = std::ranges::lower_bound(rows.arrival_ms, from_ms) - rows.arrival_ms.begin();
      later[o].from_ms = rows.arrival_ms[(static_cast<std::size_t>(first) + rows.size()) / 2];
      const SelectedRows early = SelectRows(rows, objective.softmax, model, from_ms, later[o].from_ms);
      GFR_TRY(Calibrate(objectives[o], early, objective.forest, &half.objectives[m]));
      GFR_TRY(Calibrate(objectives[o], fresh, objective.forest, &made.model.objectives[m]));
    }
  }
  GFR_ASSIGN(made.report,
             EvaluateModel(half, data, objectives, later, {.explain = Explainer(engine), .against = &model}));
  made.report.note =
      "Calibrators of the first half of the rows that the model had not learnt from, judged on the second.";
  for (const ObjectiveModel& o : made.model.objectives)
    made.model.card[o.name + ".calibration"] = DescribeCalibration(made.model, data, o);
  made.model.card["recalibrated_from"] = model.version;
  made.model.card["recalibrated_until"] = std::to_string(data.last_arrival_ms);
  return made;
}

}  // namespace gfr
