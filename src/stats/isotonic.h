// Isotonic regression: the rising step function with the least weighted squared error, by pooling adjacent violators
// (Ayer et al. 1955; Barlow et al. 1972). Linear in the points.
#pragma once

#include <cassert>
#include <span>
#include <vector>

namespace gfr {

struct IsotonicBlock {
  double weight, sum;       // Of the targets, weighted.
  std::size_t first, last;  // Points, by index; inclusive.
  double value() const { return sum / weight; }
};

// Blocks of equal fitted value, from the first point to the last. REQUIRES: targets in the order of their x (points of
// equal x merged by the caller into one with their mean and total weight), positive weights, equal lengths.
inline std::vector<IsotonicBlock> FitIsotonicBlocks(std::span<const double> target, std::span<const double> weight) {
  assert(target.size() == weight.size());
  std::vector<IsotonicBlock> blocks;
  for (std::size_t i = 0; i < target.size(); ++i) {
    blocks.push_back({weight[i], target[i] * weight[i], i, i});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].value() >= blocks.back().value()) {
      const IsotonicBlock last = blocks.back();
      blocks.pop_back();
      blocks.back().weight += last.weight;
      blocks.back().sum += last.sum;
      blocks.back().last = last.last;
    }
  }
  return blocks;
}

}  // namespace gfr
