// Scorer: a forest's margins for a batch of rows, equal to XGBoost's bit for bit (float additions in tree order from
// the base margin).
//
// Immutable; Margins is safe from any thread and does not allocate.
#pragma once

#include <cstddef>
#include <memory>

#include "model/forest.h"

namespace gfr {

class Scorer {
 public:
  static Result<std::unique_ptr<const Scorer>> Make(const Forest& forest);
  // `rows`: count x stride floats, row-major, NaN missing. REQUIRES: stride >= the forest's columns.
  void Margins(const float* rows, std::size_t count, std::size_t stride, float* margins) const noexcept;

 private:
  struct Node {
    float value;
    std::int32_t feature;  // -1: a leaf. The right child is left + right_step.
    std::int32_t left, right;
    std::uint32_t default_left;
  };
  std::vector<Node> nodes_;
  std::vector<std::int32_t> roots_;
  float base_margin_ = 0;
};

}  // namespace gfr
