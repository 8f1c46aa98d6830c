#include "evaluate/predict.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gfr {

constexpr std::size_t kScoredRows = 4096;

Result<std::unique_ptr<const Scorer>> ScorerOf(const Forest& forest, std::size_t columns) {
  if (static_cast<std::size_t>(forest.columns) > columns)
    return Error{ErrorCode::kInvalidArgument, "the forest reads " + std::to_string(forest.columns) +
                                                  " columns, but a row has " + std::to_string(columns) +
                                                  "; its model is damaged: train it again"};
  return Scorer::Make(forest);
}

Result<std::vector<float>> Margins(const Forest& forest, const SelectedRows& rows, bool at_reference) {
  std::vector<float> margins(rows.size());
  GFR_ASSIGN(const auto scorer, ScorerOf(forest, rows.columns));
  std::vector<float> batch;
  for (std::size_t done = 0; done < rows.size(); done += kScoredRows) {
    const std::size_t count = std::min(kScoredRows, rows.size() - done);
    rows.Read(done, count, batch, at_reference);
    scorer->Margins(batch.data(), count, rows.columns, margins.data() + done);
  }
  if (rows.groups) ApplySoftmaxLink(*rows.groups, margins);
  return margins;
}

Result<std::vector<float>> Probabilities(const ObjectiveModel& objective, const SelectedRows& rows, bool at_reference) {
  GFR_ASSIGN(std::vector<float> probability, Margins(objective.forest, rows, at_reference));
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const float code =
        objective.slice_column < 0 ? std::nanf("") : rows.Value(i, static_cast<std::size_t>(objective.slice_column));
    probability[i] = static_cast<float>(objective.Whole(objective.CalibratorFor(code).Apply(probability[i])));
  }
  return probability;
}

}  // namespace gfr
