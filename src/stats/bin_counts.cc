#include "stats/bin_counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gfr {
namespace {

// A value's bits in the order of the values: negative ones turned around, the others behind them. Both zeros are one.
std::uint32_t OrderOf(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
float OfOrder(std::uint32_t key) { return std::bit_cast<float>((key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key); }

// The finite ones among values, by rank: what sorting them would give, at the cost of the few ranks that are asked for.
// Values lie in buckets by their leading bits; a bucket is sorted when a rank within it is asked for.
class Ranks {
 public:
  explicit Ranks(std::span<const float> values)
      : shift_(values.size() < 4096 ? 31 : 16), begins_((2u << (31 - shift_)) + 1) {
    std::vector<std::uint32_t> keys(values.size());
    std::size_t count = 0;
    for (const float v : values) {
      keys[count] = OrderOf(v);
      count += std::isfinite(v);
    }
    keys.resize(count);
    for (const std::uint32_t key : keys) ++begins_[(key >> shift_) + 1];
    for (std::size_t b = 1; b < begins_.size(); ++b) begins_[b] += begins_[b - 1];
    std::vector<std::uint32_t> next(begins_.begin(), begins_.end() - 1);
    keys_.resize(count);
    for (const std::uint32_t key : keys) keys_[next[key >> shift_]++] = key;
    sorted_.resize(begins_.size());
  }

  std::size_t size() const { return keys_.size(); }
  // REQUIRES: rank < size().
  float At(std::size_t rank) {
    Sort(static_cast<std::size_t>(std::ranges::upper_bound(begins_, rank) - begins_.begin()) - 1);
    return OfOrder(keys_[rank]);
  }
  // How many are at most `value`.
  std::size_t AtMost(float value) {
    const std::uint32_t key = OrderOf(value);
    const std::span<const std::uint32_t> bucket = Sort(key >> shift_);
    return begins_[key >> shift_] + static_cast<std::size_t>(std::ranges::upper_bound(bucket, key) - bucket.begin());
  }

 private:
  std::span<const std::uint32_t> Sort(std::size_t bucket) {
    const auto first = keys_.begin() + begins_[bucket], end = keys_.begin() + begins_[bucket + 1];
    if (!sorted_[bucket]) std::sort(first, end);
    sorted_[bucket] = true;
    return {first, end};
  }

  const int shift_;
  std::vector<std::uint32_t> keys_, begins_;  // A bucket's first key, and the end of the last.
  std::vector<bool> sorted_;
};

// Ends of the bins are values of the reference, so that counts of bins need no interpolation.
void BinNumbers(Ranks ranks, Bins* bins) {
  if (ranks.size() == 0) return;
  bins->least = ranks.At(0);
  std::size_t first = 0;
  for (std::size_t d = 1; d <= Bins::kDeciles; ++d) {
    const float upper = ranks.At((ranks.size() * d + Bins::kDeciles - 1) / Bins::kDeciles - 1);
    if (!bins->uppers.empty() && upper <= bins->uppers.back()) continue;
    const std::size_t end = ranks.AtMost(upper);
    bins->uppers.push_back(upper);
    bins->middles.push_back(ranks.At(first + (end - first - 1) / 2));
    first = end;
  }
}

void BinCategories(const std::vector<float>& sorted, Bins* bins) {
  std::vector<std::pair<std::size_t, float>> codes;  // How often, which.
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t end = i;
    while (end < sorted.size() && sorted[end] == sorted[i]) ++end;
    codes.emplace_back(end - i, sorted[i]);
    i = end;
  }
  std::ranges::stable_sort(codes, std::greater<>(), &std::pair<std::size_t, float>::first);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (i < Bins::kCategories)
      bins->codes.push_back(codes[i].second);
    else if (bins->others.size() < Bins::kKnown)
      bins->others.push_back(codes[i].second);
    else
      bins->all_known = false;
  }
  std::ranges::sort(bins->codes);
  std::ranges::sort(bins->others);
}

// Finite values, ascending; by their bits, 11 at a time, which is several times as fast as comparing.
void SortFinite(std::vector<float>* values) {
  if (values->size() < 4096) {
    std::ranges::sort(*values);
    return;
  }
  std::vector<std::uint32_t> keys(values->size()), sorted(values->size());
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = OrderOf((*values)[i]);
  for (const int shift : {0, 11, 22}) {
    std::array<std::size_t, 2048> place = {};
    for (const std::uint32_t key : keys) ++place[key >> shift & 2047];
    std::size_t sum = 0;
    for (std::size_t& at : place) sum += std::exchange(at, sum);
    for (const std::uint32_t key : keys) sorted[place[key >> shift & 2047]++] = key;
    keys.swap(sorted);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) (*values)[i] = OfOrder(keys[i]);
}

}  // namespace

std::size_t Bins::OfCode(float code) const {
  const auto at = std::ranges::lower_bound(codes, code);
  if (at != codes.end() && *at == code) return static_cast<std::size_t>(at - codes.begin());
  return !all_known || std::ranges::binary_search(others, code) ? codes.size() : codes.size() + 1;
}

Bins MakeBins(std::span<const float> values, bool categorical) {
  Bins bins;
  bins.categorical = categorical;
  if (!categorical) {
    BinNumbers(Ranks(values), &bins);
    return bins;
  }
  std::vector<float> sorted;
  sorted.reserve(values.size());
  std::ranges::copy_if(values, std::back_inserter(sorted), [](float v) { return std::isfinite(v); });
  SortFinite(&sorted);
  BinCategories(sorted, &bins);
  return bins;
}

std::uint64_t BinCounts::rows() const { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

void BinCounts::NoteUnseen(float code) {
  const auto at = std::ranges::lower_bound(unseen, code);
  if (at != unseen.end() && *at == code) return;
  if (unseen.size() == kExamples && at == unseen.end()) return;
  unseen.insert(at, code);
  if (unseen.size() > kExamples) unseen.pop_back();
}

void BinCounts::Add(const Bins& bins, float value) { Add(bins, &value, 1); }

void BinCounts::Add(const Bins& bins, const float* values, std::size_t count, std::size_t stride, Kernel kernel) {
  if (!bins.categorical && stride == 1 && count >= kBlock) {
    const std::size_t whole = count / kBlock * kBlock;
    AddBlocks(bins, values, whole, kernel);
    values += whole;
    count -= whole;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const float value = values[i * stride];
    const std::size_t bin = bins.Of(value);
    ++counts[bin];
    if (value < least) least = value;  // False of NaN.
    if (value > most) most = value;
    if (bins.categorical && bin == bins.unseen()) NoteUnseen(value);
  }
}

namespace {

// What of a run lies above each upper end; and how many values are there at all, and lie below the least.
struct RunCounts {
  std::array<std::int64_t, Bins::kDeciles> above = {};
  std::int64_t there = 0, below = 0;
};
struct Extremes {
  std::array<float, 16> low, high;  // By lane.
};

// Eight lanes, of whatever vectors the caller's target has; comparisons give -1 a lane.
using Floats = float __attribute__((vector_size(32)));
using Integers = std::int32_t __attribute__((vector_size(32)));
constexpr std::size_t kLanes = sizeof(Floats) / sizeof(float);

[[gnu::always_inline]] inline std::int32_t SumOf(const Integers& lanes) {
  std::int32_t sum = 0;
  for (std::size_t l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

// An edge at a time over a block.
template <std::size_t kValues>
[[gnu::always_inline]] inline void CountBlock(const Bins& bins, const float* block, Extremes* extremes,
                                              RunCounts* out) {
  Floats values[kValues / kLanes];
  std::memcpy(values, block, sizeof values);
  Integers there = {}, below = {};
  for (const Floats& v : values) {
    there -= v == v;
    below -= v < bins.least;
  }
  out->there += SumOf(there);
  out->below += SumOf(below);
  for (std::size_t e = 0; e < bins.uppers.size(); ++e) {
    const float upper = bins.uppers[e];
    Integers above = {};
    for (const Floats& v : values) above -= v > upper;
    out->above[e] += SumOf(above);
  }
  Floats low, high;
  std::memcpy(&low, extremes->low.data(), sizeof low);
  std::memcpy(&high, extremes->high.data(), sizeof high);
  for (const Floats& v : values) {
    low = v < low ? v : low;  // NaN is neither.
    high = v > high ? v : high;
  }
  std::memcpy(extremes->low.data(), &low, sizeof low);
  std::memcpy(extremes->high.data(), &high, sizeof high);
}

constexpr std::size_t kSmall = 128, kLarge = 1024;  // Values of a block.

[[gnu::always_inline]] inline void CountBlocks(const Bins& bins, const float* values, std::size_t count,
                                               Extremes* extremes, RunCounts* out) {
  for (; count >= kLarge; values += kLarge, count -= kLarge) CountBlock<kLarge>(bins, values, extremes, out);
  for (; count > 0; values += kSmall, count -= kSmall) CountBlock<kSmall>(bins, values, extremes, out);
}

using CountFunction = void (*)(const Bins&, const float*, std::size_t, Extremes*, RunCounts*);
void CountPortable(const Bins& bins, const float* values, std::size_t count, Extremes* extremes, RunCounts* out) {
  CountBlocks(bins, values, count, extremes, out);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void CountAvx2(const Bins& bins, const float* values, std::size_t count,
                                               Extremes* extremes, RunCounts* out) {
  CountBlocks(bins, values, count, extremes, out);
}

__attribute__((target("avx512f"))) inline std::int32_t SumOfLanes(const __m512i& lanes) {
  std::array<std::int32_t, 16> each;
  _mm512_storeu_si512(each.data(), lanes);
  return std::accumulate(each.begin(), each.end(), 0);
}

// All edges over sixteen values at a time, in registers: absent edges are infinite, and nothing lies above them.
__attribute__((target("avx512f"))) void CountAvx512(const Bins& bins, const float* values, std::size_t count,
                                                    Extremes* extremes, RunCounts* out) {
  __m512 edges[Bins::kDeciles];
  __m512i above[Bins::kDeciles], there = _mm512_setzero_si512(), below = _mm512_setzero_si512();
  for (std::size_t e = 0; e < Bins::kDeciles; ++e) {
    edges[e] = _mm512_set1_ps(e < bins.uppers.size() ? bins.uppers[e] : std::numeric_limits<float>::infinity());
    above[e] = _mm512_setzero_si512();
  }
  const __m512 least = _mm512_set1_ps(bins.least);
  const __m512i one = _mm512_set1_epi32(1);
  __m512 low = _mm512_loadu_ps(extremes->low.data()), high = _mm512_loadu_ps(extremes->high.data());
  for (std::size_t i = 0; i < count; i += 16) {
    const __m512 v = _mm512_loadu_ps(values + i);
    there = _mm512_mask_add_epi32(there, _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), there, one);
    below = _mm512_mask_add_epi32(below, _mm512_cmp_ps_mask(v, least, _CMP_LT_OQ), below, one);
#pragma GCC unroll 16
    for (std::size_t e = 0; e < Bins::kDeciles; ++e)
      above[e] = _mm512_mask_add_epi32(above[e], _mm512_cmp_ps_mask(v, edges[e], _CMP_GT_OQ), above[e], one);
    low = _mm512_mask_min_ps(low, 0xffff, v, low);  // Of NaN and the second, the second.
    high = _mm512_mask_max_ps(high, 0xffff, v, high);
  }
  _mm512_storeu_ps(extremes->low.data(), low);
  _mm512_storeu_ps(extremes->high.data(), high);
  out->there += SumOfLanes(there);
  out->below += SumOfLanes(below);
  for (std::size_t e = 0; e < Bins::kDeciles; ++e) out->above[e] += SumOfLanes(above[e]);
}
#endif

CountFunction BestCount(BinCounts::Kernel kernel) {
#if defined(__x86_64__)
  using enum BinCounts::Kernel;
  if ((kernel == kBest || kernel == kAvx512) && __builtin_cpu_supports("avx512f")) return CountAvx512;
  if (kernel != kPortable && __builtin_cpu_supports("avx2")) return CountAvx2;
#endif
  return CountPortable;
}

}  // namespace

// The same as Bins::Of of each value: a bin's count is the difference of what lies above its two ends.
void BinCounts::AddBlocks(const Bins& bins, const float* values, std::size_t count, Kernel kernel) {
  static_assert(kBlock == kSmall);
  static const CountFunction best = BestCount(Kernel::kBest);
  constexpr std::size_t kRun = std::size_t{1} << 20;  // Values, which a lane of 32 bits counts.
  Extremes extremes;
  extremes.low.fill(least);
  extremes.high.fill(most);
  RunCounts run;
  for (std::size_t first = 0; first < count; first += kRun)
    (kernel == Kernel::kBest ? best : BestCount(kernel))(bins, values + first, std::min(kRun, count - first), &extremes,
                                                         &run);
  counts[0] += static_cast<std::uint64_t>(run.below);
  std::int64_t left = run.there - run.below;  // At or above the bin's lower end.
  for (std::size_t e = 0; e < bins.uppers.size(); ++e) {
    counts[e + 1] += static_cast<std::uint64_t>(left - run.above[e]);
    left = run.above[e];
  }
  counts[bins.above()] += static_cast<std::uint64_t>(left);
  counts[bins.missing()] += count - static_cast<std::size_t>(run.there);
  least = *std::ranges::min_element(extremes.low);
  most = *std::ranges::max_element(extremes.high);
}

void BinCounts::Merge(const BinCounts& other) {
  for (std::size_t b = 0; b < counts.size(); ++b) counts[b] += other.counts[b];
  least = std::min(least, other.least);
  most = std::max(most, other.most);
  for (const float code : other.unseen) NoteUnseen(code);
}

}  // namespace gfr
