#include "rank/scores.h"

namespace gfr {

void PredictScores(const RankInput& in, Draft* draft) {
  const std::size_t n = draft->items.size();
  draft->pctr.assign(n, kMissing);
  draft->pcvr.assign(n, kMissing);
  if (in.model) in.model->Predict({{"pctr", &draft->pctr}, {"pcvr", &draft->pcvr}}, draft->features.data(), n, in.size);
}

void PredictShown(const RankInput& in, Draft* draft) {
  if (!in.model || in.model->model().position_column < 0 || draft->slate.empty()) return;
  const std::size_t columns = in.model->model().columns.size(), n = draft->slate.size();
  const auto position = static_cast<std::size_t>(in.model->model().position_column);
  std::vector<float> rows, clicked(n, kMissing), bought(n, kMissing);
  for (std::size_t p = 0; p < n; ++p) {
    const float* values = draft->features.data() + draft->slate[p] * columns;
    rows.insert(rows.end(), values, values + columns);
    rows[p * columns + position] = static_cast<float>(p);
  }
  in.model->Predict({{"pctr", &clicked}, {"pcvr", &bought}}, rows.data(), n, n);
  draft->pctr_shown.assign(draft->items.size(), kMissing);
  draft->pcvr_shown.assign(draft->items.size(), kMissing);
  for (std::size_t p = 0; p < n; ++p) {
    draft->pctr_shown[draft->slate[p]] = clicked[p];
    draft->pcvr_shown[draft->slate[p]] = bought[p];
  }
}

}  // namespace gfr
