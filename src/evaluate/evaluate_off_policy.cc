#include "evaluate/evaluate_off_policy.h"

#include <algorithm>

#include "evaluate/predict.h"
#include "evaluate/replicates.h"
#include "model/encode.h"

namespace gfr {

LoggedChoices ModelChoices::View() const {
  LoggedChoices choices{.reward = reward, .logged = logged, .target = target, .user = user};
  choices.model_of_shown = of_shown;
  choices.model_of_target = of_target;
  return choices;
}

Result<ModelChoices> ChoicesOf(const Model& model, const Dataset& data, std::int64_t from_ms, std::int64_t to_ms) {
  if (model.objectives.empty())
    return Error{ErrorCode::kInvalidArgument, "model " + model.version + " has no objective to judge draws by"};
  const auto named = std::ranges::find(model.objectives, "pctr", &ObjectiveModel::name);
  const ObjectiveModel& objective = named == model.objectives.end() ? model.objectives[0] : *named;
  GFR_ASSIGN(const auto scorer, ScorerOf(objective.forest, data.columns));
  ModelChoices made;
  std::vector<float> rows, margins, scores;
  const auto row = [&](std::size_t i) { return rows.data() + i * data.columns; };
  for (const ChoiceRow& choice : data.choices) {
    if (choice.arrival_ms < from_ms || choice.arrival_ms >= to_ms || choice.shown >= choice.pool) continue;
    const auto pool = static_cast<std::size_t>(choice.pool);
    const float* first = data.choice_features.data() + choice.first * data.columns;
    rows.assign(first, first + pool * data.columns);
    EncodeCategories(model, rows.data(), pool);
    margins.assign(pool, 0.0f);
    scorer->Margins(rows.data(), pool, data.columns, margins.data());
    scores.resize(pool);
    for (std::size_t i = 0; i < pool; ++i) scores[i] = static_cast<float>(objective.Score(margins[i], row(i)));
    const auto best = static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin()),
               shown = static_cast<std::size_t>(choice.shown);
    if (model.position_column >= 0) {  // Chosen at the reference, earned at the place.
      for (std::size_t i = 0; i < pool; ++i)
        rows[i * data.columns + static_cast<std::size_t>(model.position_column)] = static_cast<float>(choice.position);
      scorer->Margins(rows.data(), pool, data.columns, margins.data());
    }
    made.user.push_back(choice.user);
    made.reward.push_back(choice.clicked);
    made.logged.push_back(choice.propensity);
    made.target.push_back(
        scores[shown] == scores[best] ? 1.0 / static_cast<double>(std::ranges::count(scores, scores[best])) : 0.0);
    made.of_shown.push_back(objective.Probability(margins[shown], row(shown)));
    made.of_target.push_back(objective.Probability(margins[best], row(best)));
  }
  if (objective.softmax) {
    made.of_shown.clear();
    made.of_target.clear();
  }
  return made;
}

Result<OffPolicyReport> EvaluateOffPolicy(const Model& model, const Dataset& data, std::int64_t from_ms,
                                          std::int64_t to_ms) {
  GFR_ASSIGN(const ModelChoices choices, ChoicesOf(model, data, from_ms, to_ms));
  return EstimateOffPolicy(choices.View(), {.replicates = kReplicates, .seed = kSeed});
}

}  // namespace gfr
