// Binning: the cut points of one or several forests, and BinnedMatrix: rows ranked against them once, for every scorer
// that is bound to the same Binning.
//
// A value's rank among a column's rising cut points is the number of them that are not above it; "value < cut i" is
// "rank <= i". LightGBM's "value <= threshold" is "value < the next double"; for float rows a cut is the least float
// that is not below it: both are exact. A category's rank is its place among those that a split names, from 1; 0 is any
// other, the last is missing. Ranks are kept as bit planes (docs/design/bit-sliced-forest.md), so a column takes as
// many bits a row as its cut points need: 8 up to 255, more beyond.
//
// Thread safety: a Binning is immutable; a BinnedMatrix belongs to one thread while it is filled.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/forest.h"
#include "score/aligned_bytes.h"
#include "score/bit_kernel.h"
#include "score/rows.h"

namespace gfr {

class Binning {
 public:
  struct Column {
    std::int32_t feature = 0;
    bool categorical = false;
    bool wants_missing = false;  // Some split sends missing values left.
    unsigned bits = 0;
    std::int32_t zero_rank = -1;           // Where a split treats zero as missing: zero's own rank.
    std::vector<double> cuts;              // Numeric: rising.
    std::vector<float> float_table;        // Levels of pivots, LevelOffset(t) on; filled up with infinity.
    std::vector<std::int32_t> categories;  // Categorical: rising.
    std::vector<std::uint32_t> rank_of;    // Categorical, where categories lie dense: the rank by category.
    std::uint32_t rank_row = 0;            // Planes of a BinnedMatrix.
    std::int32_t missing_row = -1;
    std::uint32_t conditions() const {  // "rank <= i" is told apart for i below this.
      return static_cast<std::uint32_t>(categorical ? categories.size() + 1 : cuts.size());
    }
  };

  // Errors: kInvalidArgument for forests of different engines, kResourceExhausted for a column of 2^20 cut points or
  // categories.
  static Result<std::shared_ptr<const Binning>> Make(std::span<const Forest* const> forests);

  const std::vector<Column>& columns() const { return columns_; }
  Forest::Engine engine() const { return engine_; }
  std::uint32_t plane_rows() const { return plane_rows_; }
  // REQUIRES: a forest of Make splits on the feature in this way.
  std::size_t ColumnOf(std::int32_t feature, bool categorical) const;
  // The place of a numeric split's cut point.
  std::uint32_t IndexOf(const Column& column, double threshold) const;
  std::size_t cut_points() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::int32_t> numeric_of_, categorical_of_;  // By feature; -1.
  Forest::Engine engine_ = Forest::Engine::kXgboost;
  std::uint32_t plane_rows_ = 0;
};

// LightGBM takes |value| <= 1e-35 for zero.
inline constexpr double kLightgbmZero = 1e-35f;
// What an engine reads a category of; -1: none that a set can list. REQUIRES: not NaN.
std::int32_t CategoryOf(Forest::Engine engine, double value);
// Its place among those that a split lists, which rise, from 1; 0: it is none of them.
std::uint32_t RankOfCategory(std::span<const std::int32_t> listed, std::int32_t category);

class BinnedMatrix {
 public:
  // Ranks `rows`; reuses its memory. `kernels`: which instruction set; the result is the same with any.
  void Fill(std::shared_ptr<const Binning> binning, const Rows& rows, const BitKernels& kernels);
  void Fill(std::shared_ptr<const Binning> binning, const Rows& rows);  // The best the processor has.

  const Binning* binning() const { return binning_.get(); }
  std::size_t count() const { return count_; }
  const std::uint8_t* planes() const { return planes_.data(); }
  std::size_t stride() const { return stride_; }
  // Whether all rows have the same value in a column of the binning: its conditions are made once for all of them.
  const std::vector<std::uint8_t>& constant() const { return constant_; }

 private:
  template <typename T>
  void FillAs(const T* rows, std::size_t row_stride, const BitKernels& kernels);
  template <typename T>
  void RankColumn(const Binning::Column& column, const T* values, std::size_t first_row, const BitKernels& kernels);

  std::shared_ptr<const Binning> binning_;
  std::size_t count_ = 0, stride_ = 0;
  AlignedBytes planes_, columns_;
  std::vector<std::uint8_t> constant_;
};

}  // namespace gfr
