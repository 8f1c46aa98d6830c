// Bins and BinCounts: how a column's values fall into bins that a reference has fixed once: a sketch that merges
// exactly, over hours and servers, since it is made of counts.
//
// The bins of a number are the deciles of the reference: (low, high] with ties in one bin and equal deciles merged;
// values outside the reference's range, and missing ones, have bins of their own. Those of a category are its most
// frequent codes, one for all others that the reference has, one for codes that it has not (unseen), one for missing.
// The bins are never those of the data that is judged: an extreme value moves one count. Thread safety: plain values.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace gfr {

struct Bins {
  static constexpr std::size_t kDeciles = 10;
  static constexpr std::size_t kCategories = 32;  // Codes with a bin of their own.
  static constexpr std::size_t kKnown = 4096;  // Codes that are known at all; beyond, unseen ones are not told apart.

  bool categorical = false;
  // Of numbers: the least value of the reference, and the upper ends of its bins, ascending; the last is its greatest
  // value. Without values NaN and none.
  float least = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> uppers;
  std::vector<float> middles;  // One an upper end: the median of the reference's values in the bin.
  // Of categories, each ascending.
  std::vector<float> codes, others;
  bool all_known = true;  // `others` was cut at kKnown: a code that is nowhere counts as other, not as unseen.

  // Numbers: below | the bins | above | missing. Categories: codes | other | unseen | missing.
  std::size_t size() const { return (categorical ? codes.size() : uppers.size()) + 3; }
  std::size_t missing() const { return size() - 1; }
  std::size_t above() const { return size() - 2; }   // Of numbers; below is 0.
  std::size_t unseen() const { return size() - 2; }  // Of categories; other is unseen() - 1.
  std::size_t Of(float value) const {
    if (value != value) return missing();
    if (categorical) return OfCode(value);
    if (value < least) return 0;
    std::size_t bin = 1;
    for (const float upper : uppers) bin += upper < value;
    return bin;
  }

 private:
  std::size_t OfCode(float code) const;
};

// The bins of a reference's values. NaN is missing; infinite values fall outside the range, which is that of the
// others.
Bins MakeBins(std::span<const float> values, bool categorical);

struct BinCounts {
  static constexpr std::size_t kExamples = 8;

  std::vector<std::uint64_t> counts;  // One a bin.
  // Of the values that are there; infinite, the wrong way round: there are none.
  float least = std::numeric_limits<float>::infinity(), most = -std::numeric_limits<float>::infinity();
  std::vector<float> unseen;  // The least kExamples codes among the unseen ones.

  explicit BinCounts(std::size_t bins = 0) : counts(bins) {}
  std::uint64_t rows() const;
  // REQUIRES, of both: `counts` has as many bins as `bins`.
  void Add(const Bins& bins, float value);
  // How numbers next to each other are counted, all with the same result; one that the processor has not, by the next
  // best.
  enum class Kernel : std::uint8_t { kBest, kPortable, kAvx2, kAvx512 };
  // `values` lie `stride` floats apart.
  void Add(const Bins& bins, const float* values, std::size_t count, std::size_t stride = 1,
           Kernel kernel = Kernel::kBest);
  void Merge(const BinCounts& other);
  bool operator==(const BinCounts&) const = default;

 private:
  static constexpr std::size_t kBlock = 128;  // Values.
  void NoteUnseen(float code);
  // REQUIRES: whole blocks, of a number.
  void AddBlocks(const Bins& bins, const float* values, std::size_t count, Kernel kernel);
};

}  // namespace gfr
