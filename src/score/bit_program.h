// BitProgram: a forest as the kernels execute it: which planes there are, how each is made, and the trees over them
// (docs/design/bit-sliced-forest.md). Thread safety: immutable once compiled.
#pragma once

#include <cstdint>
#include <vector>

#include "model/forest.h"
#include "score/aligned_bytes.h"
#include "score/binning.h"
#include "score/bit_kernel.h"

namespace gfr {

// Everything a kernel reads.
struct BitProgram {
  std::vector<KernelColumn> columns;
  std::vector<std::size_t> matrix_column;  // Of each: its place in the binning.
  std::vector<KernelDerived> derived;
  std::vector<std::uint32_t> terms, offsets;
  std::vector<KernelMerge> merges;
  std::vector<KernelStep> steps;
  std::vector<KernelTree> trees;
  std::vector<double> base_margin;
  AlignedBytes leaves;
  std::size_t planes = 1;  // Plane 0 is of zeros.

  // Of a block of 128 rows, in units of a category set's term; as measured (bench/score_vs_peers.py).
  double block_cost() const {
    return static_cast<double>(2 * planes + terms.size() + 24 * trees.size() + 3 * merges.size() + 200 * steps.size()) +
           0.4 * static_cast<double>(offsets.size());
  }
  std::size_t bytes() const {
    return columns.size() * sizeof(KernelColumn) + derived.size() * sizeof(KernelDerived) +
           4 * (terms.size() + offsets.size()) + merges.size() * sizeof(KernelMerge) +
           steps.size() * sizeof(KernelStep) + trees.size() * sizeof(KernelTree) + leaves.size();
  }
};

// REQUIRES: `binning` includes the forest. `kernels` say which leaves are looked up as byte tables. Errors:
// kResourceExhausted for more than 2^20 conditions.
Result<BitProgram> CompileBitProgram(const Forest& forest, const Binning& binning, const BitKernels& kernels);

}  // namespace gfr
