#include "score/scalar_scorer.h"

#include "score/split_rule.h"

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
      i = static_cast<std::size_t>(GoesLeft(forest_, i, v) ? forest_.left[i] : forest_.right[i]);
    }
    return i;
  }

  const Forest forest_;
};

}  // namespace

std::unique_ptr<Scorer> MakeScalarScorer(const Forest& forest) { return std::make_unique<ScalarScorer>(forest); }

}  // namespace gfr
