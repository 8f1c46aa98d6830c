#include "score/bit_sliced_scorer.h"

#include <algorithm>

#include "score/bit_program.h"
#include "score/compact_scorer.h"

namespace gfr {
namespace {

class BitSlicedScorer final : public Scorer {
 public:
  BitSlicedScorer(const Forest& forest, BitProgram program, ScorerKind kind, std::shared_ptr<const Binning> binning,
                  std::unique_ptr<Scorer> compact)
      : program_(std::move(program)), kind_(kind), kernels_(KernelsOf(kind)), compact_(std::move(compact)) {
    binning_ = std::move(binning);
    kernel_ = {.columns = program_.columns.data(),
               .column_count = program_.columns.size(),
               .derived = program_.derived.data(),
               .terms = program_.terms.data(),
               .offsets = program_.offsets.data(),
               .merges = program_.merges.data(),
               .steps = program_.steps.data(),
               .trees = program_.trees.data(),
               .tree_count = program_.trees.size(),
               .leaves = program_.leaves.data(),
               .base_margin = program_.base_margin.data(),
               .classes = static_cast<std::size_t>(forest.classes),
               .planes = program_.planes,
               .doubles = forest.engine == Forest::Engine::kLightgbm};
    small_batch_ = static_cast<std::size_t>(std::clamp(program_.block_cost() / CompactCost(forest), 2.0, 512.0));
  }

  bool PrefersBinned(std::size_t count) const override { return count > 0 && (!compact_ || count >= small_batch_); }

  void Margins(const Rows& rows, MarginsOut out) const noexcept override {
    if (!PrefersBinned(rows.count)) {
      if (rows.count > 0) compact_->Margins(rows, out);
      return;
    }
    static thread_local BinnedMatrix matrix;
    matrix.Fill(binning_, rows, kernels_);
    Margins(matrix, out);
  }

  void Margins(const BinnedMatrix& rows, MarginsOut out) const noexcept override {
    static thread_local AlignedBytes scratch;
    static thread_local std::vector<std::uint8_t> constant;
    constant.clear();
    for (const std::size_t c : program_.matrix_column) constant.push_back(rows.constant()[c]);
    const KernelRows kernel_rows{rows.planes(), rows.stride(), constant.data()};
    std::size_t before = 0;
    for (std::size_t r = 0; r < rows.count();) {
      const std::size_t left = rows.count() - r;
      std::size_t width = 128;
      while (width < left && width < kernels_.widest) width *= 2;
      const KernelBlock block{r, std::min(left, width), width == before, out.f32, out.f64};
      kernels_.run(kernel_, kernel_rows, block, width, scratch.Reserve(ScratchBytes(kernel_, width)));
      before = width;
      r += block.rows;
    }
  }

  ScorerKind kind() const override { return kind_; }
  std::size_t memory_bytes() const override { return program_.bytes() + (compact_ ? compact_->memory_bytes() : 0); }

 private:
  BitProgram program_;
  ScorerKind kind_;
  const BitKernels& kernels_;
  std::unique_ptr<Scorer> compact_;
  std::size_t small_batch_ = 0;  // From here on ranking a batch pays.
  KernelForest kernel_{};
};

}  // namespace

Result<std::unique_ptr<Scorer>> MakeBitSlicedScorer(const Forest& forest, ScorerKind kind,
                                                    std::shared_ptr<const Binning> binning,
                                                    std::unique_ptr<Scorer> compact) {
  GFR_ASSIGN(BitProgram program, CompileBitProgram(forest, *binning, KernelsOf(kind)));
  return std::unique_ptr<Scorer>(
      std::make_unique<BitSlicedScorer>(forest, std::move(program), kind, std::move(binning), std::move(compact)));
}

}  // namespace gfr
