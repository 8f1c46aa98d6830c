#include "score/scalar_scorer.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

class ScalarScorer final : public Scorer {
 public:
  explicit ScalarScorer(const Forest& forest) : forest_(forest) {}

  void Margins(const Rows& rows, MarginsOut out) const noexcept override {
    const auto classes = static_cast<std::size_t>(forest_.classes);
    const bool xgboost = forest_.engine == Forest::Engine::kXgboost;
    for (std::size_t r = 0; r < rows.count; ++r) {
      for (std::size_t k = 0; k < classes; ++k) {
        double sum = forest_.base_margin[k];
        for (std::size_t t = 0; t < forest_.root.size(); ++t) {
          if (static_cast<std::size_t>(forest_.tree_class[t]) != k) continue;
          const double leaf = forest_.value[Leaf(forest_.root[t], rows, r)];
          sum = xgboost ? static_cast<float>(sum) + static_cast<float>(leaf) : sum + leaf;
        }
        out.Set(r * classes + k, sum);
      }
    }
  }
  ScorerKind kind() const override { return ScorerKind::kScalar; }
  std::size_t memory_bytes() const override { return forest_.feature.size() * 26 + forest_.categories.size() * 4; }

 private:
  std::size_t Leaf(std::int32_t root, const Rows& rows, std::size_t r) const {
    auto i = static_cast<std::size_t>(root);
    while (forest_.feature[i] >= 0) {
      const std::size_t at = r * rows.stride + static_cast<std::size_t>(forest_.feature[i]);
      const double v = rows.f32 ? static_cast<double>(rows.f32[at]) : rows.f64[at];
      const bool left =
          forest_.engine == Forest::Engine::kXgboost ? XgboostLeft(i, static_cast<float>(v)) : LightgbmLeft(i, v);
      i = static_cast<std::size_t>(left ? forest_.left[i] : forest_.right[i]);
    }
    return i;
  }
  bool Holds(std::int32_t set, std::int32_t category) const {
    return std::binary_search(forest_.categories.begin() + forest_.set_begin[set],
                              forest_.categories.begin() + forest_.set_begin[set + 1], category);
  }
  // XGBoost: GetNextNode of src/predictor, Decision of src/common/categorical.h.
  bool XgboostLeft(std::size_t i, float v) const {
    if (v != v) return forest_.default_left[i] != 0;
    if (forest_.category_set[i] < 0) return v < static_cast<float>(forest_.value[i]);
    if (v < 0 || v >= 16777216) return true;
    return !Holds(forest_.category_set[i], static_cast<std::int32_t>(v));
  }
  // LightGBM: NumericalDecision and CategoricalDecision of include/LightGBM/tree.h; the row's reader makes zeros of
  // values of at most 1e-35.
  bool LightgbmLeft(std::size_t i, double v) const {
    if (std::fabs(v) <= kLightgbmZero) v = 0;
    if (forest_.category_set[i] >= 0) {
      if (v != v || v <= -1 || v >= 2147483648.0) return false;
      return Holds(forest_.category_set[i], static_cast<std::int32_t>(v));
    }
    const Forest::Missing missing = forest_.missing[i];
    if (v != v && missing != Forest::Missing::kNan) v = 0;
    if ((missing == Forest::Missing::kZero && v == 0) || (missing == Forest::Missing::kNan && v != v))
      return forest_.default_left[i] != 0;
    return v <= forest_.value[i];
  }

  const Forest forest_;
};

}  // namespace

std::unique_ptr<Scorer> MakeScalarScorer(const Forest& forest) { return std::make_unique<ScalarScorer>(forest); }

}  // namespace gfr
