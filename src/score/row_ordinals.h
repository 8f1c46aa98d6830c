// RowOrdinals: a row made ready for a forest's walk, so that every split is one unsigned comparison, "ordinal < cut
// goes left".
//
// A value's ordinal is an unsigned integer that orders as the value does. A missing value's is 0 or the greatest, so
// that it goes the way its split sends it: a feature has an ordinal for each way that the forest's splits treat missing
// values. A category set has an ordinal of its own: 0 for the categories that go left, 1 for the others, the cut
// being 1. LightGBM's "value <= threshold" is "ordinal < the threshold's ordinal + 1". All of it is exact.
//
// T is what the forest's engine compares in: float (XGBoost), double (LightGBM). Thread safety: immutable.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "model/forest.h"

namespace gfr {

template <typename T>
class RowOrdinals {
 public:
  using Ordinal = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  struct Split {
    std::uint32_t ordinal = 0;  // Which of the row's.
    Ordinal cut = 0;            // 0: none goes left.
  };

  // `splits`: gets one for each of the forest's nodes; a leaf's is {}.
  RowOrdinals(const Forest& forest, std::vector<Split>& splits);

  std::size_t count() const { return count_; }                          // Ordinals that splits name.
  std::size_t padded() const { return count_ + 8 + features_.size(); }  // Ordinals that Fill may write.
  std::size_t memory_bytes() const;

  // Value: float or double. REQUIRES: the row has the forest's columns.
  template <typename Value>
  void Fill(const Value* row, Ordinal* ordinals) const;

 private:
  class Builder;
  struct SetRun {  // Category sets of a feature; their ordinals lie together.
    std::uint32_t feature = 0, first = 0;
    std::size_t begin = 0, listed = 0;     // Of categories_: those that a set lists. Ranks are as in Binning.
    std::size_t bits = 0, rank_bytes = 0;  // Of set_bits_: rank_bytes a rank, a bit a set, its ordinal.
  };

  // How numeric splits treat missing values: the sum of these.
  static constexpr std::size_t kMissingLeft = 1, kZeroMissing = 2;
  template <std::size_t kWay>
  void FillWay(const T* values, Ordinal*& ordinals) const;
  void FillSets(const SetRun& run, T value, Ordinal* ordinals) const;

  // Of numeric splits, rising. Their ordinals come first, all of them for each way.
  std::vector<std::uint32_t> features_;
  bool ways_[4] = {};         // That some split has.
  bool all_features_ = true;  // features_ are 0, 1, 2 and so on.
  std::vector<SetRun> sets_;
  std::vector<std::int32_t> categories_;
  std::vector<std::uint8_t> set_bits_;
  std::size_t count_ = 0;
};

}  // namespace gfr
