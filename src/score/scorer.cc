#include "score/scorer.h"

#include <algorithm>

namespace gfr {

Result<std::unique_ptr<const Scorer>> Scorer::Make(const Forest& forest) {
  auto scorer = std::make_unique<Scorer>();
  scorer->roots_ = forest.root;
  scorer->base_margin_ = forest.base_margin;
  for (std::size_t i = 0; i < forest.feature.size(); ++i) {
    scorer->nodes_.push_back(
        {forest.value[i], forest.feature[i], forest.left[i], forest.right[i], forest.default_left[i]});
  }
  return std::unique_ptr<const Scorer>(std::move(scorer));
}

void Scorer::Margins(const float* rows, std::size_t count, std::size_t stride, float* margins) const noexcept {
  std::fill_n(margins, count, base_margin_);
  constexpr std::size_t kBlock = 64;  // A tree's nodes stay in cache for a block of rows.
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, count);
    for (const std::int32_t root : roots_) {
      for (std::size_t i = begin; i < end; ++i) {
        const float* row = rows + i * stride;
        const Node* node = &nodes_[root];
        while (node->feature >= 0) {
          const float v = row[node->feature];
          const bool left = v != v ? node->default_left != 0 : v < node->value;
          node = &nodes_[left ? node->left : node->right];
        }
        margins[i] += node->value;
      }
    }
  }
}

}  // namespace gfr
