// What a bit-sliced forest is to its kernels: flat arrays, so that one kernel source is compiled for several
// instruction sets (bit_kernel_impl.h). docs/design/bit-sliced-forest.md says how it works.
//
// Words: a *plane* holds one bit a row of a block. A column's rank planes hold the bits of its rows' ranks among its
// cut points; a *condition* is a plane that says which rows go left at a split.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gfr {

// A column of ranks: its conditions "rank <= i", i in [0, cuts), are the planes from `first_plane`; those derived from
// them follow at `first_derived`: first "term or missing" for each of these terms, then the derived.
struct KernelColumn {
  std::uint32_t bits, cuts, first_plane;
  std::uint32_t rank_row;                          // Of the matrix: the plane of the lowest bit; the others follow.
  std::int32_t missing_row;                        // Of the matrix; -1: not wanted.
  std::uint32_t or_missing_begin, or_missing_end;  // Of `terms`.
  std::uint32_t derived_begin, derived_end, first_derived;
};

// plane = XOR of planes, inverted, or missing, and not missing: a category set, a split that sends zero elsewhere, a
// split of missing from all others.
struct KernelDerived {
  std::uint32_t terms_begin, terms_end;  // Of `terms`: plane numbers.
  std::uint32_t flags;
  static constexpr std::uint32_t kInvert = 1, kOrMissing = 2, kNotMissing = 4;
};

// A split of a tree that is evaluated from its leaves up: the codes of two subtrees become one.
struct KernelMerge {
  std::uint32_t condition;  // Scaled as offsets are.
  std::uint32_t offset;     // Added to the codes of the smaller side; its low small_bits are 0.
  std::uint8_t small_is_left, big_bits, small_bits, out_bits;
};

struct KernelStep {
  std::uint32_t condition;   // A plane.
  std::int32_t left, right;  // ~leaf when negative.
};

struct KernelTree {
  // kPerfect: 2^bits - 1 offsets in heap order, the leaf's index is the splits' bits from the root down, left being 1.
  // kMerge: KernelMerge from the leaves up. kWalk: KernelStep, row by row.
  enum Kind : std::uint8_t { kPerfect, kMerge, kWalk };
  Kind kind;
  std::uint8_t bits;
  bool byte_table;  // Leaves as one table a byte of the value (64, 128 or 256 entries), else plain values.
  std::uint32_t tree_class;
  std::uint32_t begin, end;  // Of offsets, merges or steps.
  std::uint64_t leaf;        // In bytes from `leaves`, 64-aligned.
};

struct KernelForest {
  const KernelColumn* columns;
  std::size_t column_count;
  const KernelDerived* derived;
  const std::uint32_t* terms;
  const std::uint32_t* offsets;  // Plane number x 16: a plane of 128, 256 or 512 rows is 1, 2 or 4 times as far.
  const KernelMerge* merges;
  const KernelStep* steps;
  const KernelTree* trees;
  std::size_t tree_count;
  const std::uint8_t* leaves;
  const double* base_margin;
  std::size_t classes, planes;
  bool doubles;  // Leaves and sums are doubles, else floats.
};

struct KernelRows {
  const std::uint8_t* planes;  // The matrix: plane p of the rows is at p * stride.
  std::size_t stride;
  const std::uint8_t* constant;  // One a column: every row has the rank of the first.
};

// Rows of a block, the planes of constant columns being kept from one block to the next of the same width.
struct KernelBlock {
  std::size_t first_row, rows;
  bool constants_ready;
  float* out_f32;  // Row-major, classes a row; one of the two.
  double* out_f64;
};

struct BitKernels {
  // Evaluates a block of at most `width` rows, width 128, 256 or 512. `scratch`: ScratchBytes(forest, width),
  // 64-aligned.
  void (*run)(const KernelForest& forest, const KernelRows& rows, const KernelBlock& block, std::size_t width,
              std::uint8_t* scratch);
  std::size_t widest;
  // Whether leaves of this many index bits are looked up as byte tables.
  bool (*byte_table)(unsigned bits, bool doubles);
  // Ranks of `count` floats (a multiple of 64) as planes: bit b to planes + b * stride. `table`: see Binning; NaN gets
  // every bit; `missing` (or null) gets the NaN plane.
  void (*rank)(const float* values, std::size_t count, const float* table, unsigned bits, std::uint8_t* planes,
               std::size_t stride, std::uint8_t* missing);
};

// Internal to each file that includes this (static): a copy compiled for one instruction set must not be linked into
// another. The levels of a column's search table: level t holds 2^t pivots.
static constexpr std::size_t LevelOffset(unsigned level) {
  return level < 5 ? 16 * level : 48 + (std::size_t{1} << level);
}
// Tables of at least this many levels, up to 8, have those below level 6 or 5 once more behind the others: for each of
// the last two levels' searches its pivots {the last one's when not up, the one before, the last one's when up, none}.
static constexpr unsigned kMinPairedLevels = 7, kMaxPairedLevels = 8;

static constexpr int kMaxPerfectBits = 8;  // Of a perfect tree: its depth.
static constexpr std::size_t kMaxMergeBits = 16, kMergeStack = 20;

[[maybe_unused]] static inline std::size_t ScratchBytes(const KernelForest& forest, std::size_t width) {
  return forest.planes * (width / 8) + kMergeStack * kMaxMergeBits * (width / 8) +
         forest.classes * width * sizeof(double) + 64;
}

extern const BitKernels kPortableKernels, kAvx2Kernels, kAvx512Kernels;

}  // namespace gfr
