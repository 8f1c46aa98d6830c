#include "bound/bound_model.h"

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
  return std::shared_ptr<const BoundModel>(std::move(bound));
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
