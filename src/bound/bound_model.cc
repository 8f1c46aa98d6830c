#include "bound/bound_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "bound/bind_columns.h"
#include "model/encode.h"
#include "model/softmax_link.h"

namespace gfr {

Result<std::shared_ptr<const BoundModel>> BoundModel::Make(Model model, const FeatureSet& features) {
  GFR_ASSIGN(model, BindColumns(std::move(model), features));
  auto bound = std::make_shared<BoundModel>();
  std::vector<const Forest*> forests;
  for (const ObjectiveModel& objective : model.objectives) forests.push_back(&objective.forest);
  const auto binning = Binning::Make(forests);  // Too many cut points: each scorer finds its own way.
  for (const ObjectiveModel& objective : model.objectives) {
    GFR_ASSIGN(auto scorer,
               Scorer::Make(objective.forest, ScorerKind::kAuto, binning.ok() ? binning.value() : nullptr));
    bound->scorers_.push_back(std::move(scorer));
  }
  bound->model_ = std::move(model);
  bound->Measure();
  return std::shared_ptr<const BoundModel>(std::move(bound));
}

// The fastest of a few batches: what disturbs a batch only makes it slower.
void BoundModel::Measure() {
  constexpr std::size_t kRows = 256, kBatches = 4;
  const std::vector<float> rows(kRows * model_.columns.size(), 0.5f);
  std::vector<std::vector<float>> scores(model_.objectives.size());
  std::vector<Wanted> wanted;
  for (std::size_t o = 0; o < model_.objectives.size(); ++o) wanted.push_back({model_.objectives[o].name, &scores[o]});
  double least_s = std::numeric_limits<double>::infinity();
  for (std::size_t n = 0; n < kBatches; ++n) {
    const double begin_s = MonotonicSeconds();
    Predict(std::span<const Wanted>(wanted), rows.data(), kRows, kRows);
    least_s = std::min(least_s, MonotonicSeconds() - begin_s);
  }
  row_ns_ = least_s * 1e9 / kRows;
}

std::size_t BoundModel::RowsWithin(double budget_ms) const {
  const double row_ns = std::max(1.0, row_ns_ + kReadColumnNs * static_cast<double>(model_.columns.size()));
  const double rows = budget_ms * 1e6 / row_ns;
  if (!(rows >= 1)) return 0;
  const double digit = std::pow(10, std::floor(std::log10(rows)));
  return static_cast<std::size_t>(std::min(std::floor(rows / digit) * digit, 1e9));
}

void BoundModel::Predict(std::span<const Wanted> wanted, const float* rows, std::size_t count,
                         std::size_t slate_size) const {
  const std::size_t columns = model_.columns.size();
  std::vector<float> encoded(rows, rows + count * columns), margins(count);
  EncodeCategories(model_, encoded.data(), count);
  static thread_local BinnedMatrix matrix;
  const Binning* filled = nullptr;
  for (const auto& [name, out] : wanted) {
    for (std::size_t o = 0; o < scorers_.size(); ++o) {
      if (model_.objectives[o].name != name) continue;
      const Scorer& scorer = *scorers_[o];
      if (!scorer.PrefersBinned(count)) {
        scorer.Margins(encoded.data(), count, columns, margins.data());
      } else {
        if (filled != scorer.binning().get()) matrix.Fill(scorer.binning(), Rows(encoded.data(), count, columns));
        filled = scorer.binning().get();
        scorer.Margins(matrix, margins.data());
      }
      if (model_.objectives[o].softmax) ApplySoftmaxLink(margins, slate_size);
      out->resize(count);
      for (std::size_t i = 0; i < count; ++i)
        (*out)[i] = static_cast<float>(model_.objectives[o].Probability(margins[i], encoded.data() + i * columns));
    }
  }
}

}  // namespace gfr
