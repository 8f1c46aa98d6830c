#include "rank/scores.h"

#include <span>

namespace gfr {
std::vector<std::vector<float>> ScoresOf(const BoundModel* model, const std::vector<std::string>& objectives,
                                         const float* rows, std::size_t count, std::size_t slate_size) {
  std::vector<std::vector<float>> scores(objectives.size(), std::vector<float>(count, kMissing));
  std::vector<BoundModel::Wanted> wanted;
  for (std::size_t o = 0; o < objectives.size(); ++o) wanted.push_back({objectives[o], &scores[o]});
  if (model) model->Predict(std::span<const BoundModel::Wanted>(wanted), rows, count, slate_size);
  return scores;
}

void PredictScores(const RankInput& in, Draft* draft) {
  draft->scores = ScoresOf(in.model, in.config.objectives, draft->features.data(), draft->items.size(), in.size);
}

void PredictShown(const RankInput& in, Draft* draft) {
  if (!in.model || in.model->model().position_column < 0 || draft->slate.empty()) return;
  const std::size_t columns = in.model->model().columns.size(), n = draft->slate.size();
  const auto position = static_cast<std::size_t>(in.model->model().position_column);
  std::vector<float> rows;
  for (std::size_t p = 0; p < n; ++p) {
    const float* values = draft->features.data() + draft->slate[p] * columns;
    rows.insert(rows.end(), values, values + columns);
    rows[p * columns + position] = static_cast<float>(PageBegin(in.request) + p);
  }
  const auto shown = ScoresOf(in.model, in.config.objectives, rows.data(), n, n);
  draft->scores_shown.assign(shown.size(), std::vector<float>(draft->items.size(), kMissing));
  for (std::size_t o = 0; o < shown.size(); ++o) {
    for (std::size_t p = 0; p < n; ++p) draft->scores_shown[o][draft->slate[p]] = shown[o][p];
  }
}

}  // namespace gfr
