#include "stats/bin_counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>

namespace gfr {
namespace {

// Ends of the bins are values of the reference, so that counts of bins need no interpolation.
void BinNumbers(std::vector<float> sorted, Bins* bins) {
  if (sorted.empty()) return;
  bins->least = sorted.front();
  std::size_t first = 0;
  for (std::size_t d = 1; d <= Bins::kDeciles; ++d) {
    const std::size_t at = (sorted.size() * d + Bins::kDeciles - 1) / Bins::kDeciles - 1;
    const float upper = sorted[at];
    if (!bins->uppers.empty() && upper <= bins->uppers.back()) continue;
    const auto end = static_cast<std::size_t>(std::ranges::upper_bound(sorted, upper) - sorted.begin());
    bins->uppers.push_back(upper);
    bins->middles.push_back(sorted[first + (end - first - 1) / 2]);
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
  // Bits in the order of the values: negative ones turned around, the others behind them.
  std::vector<std::uint32_t> keys(values->size()), sorted(values->size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>((*values)[i]);
    keys[i] = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  }
  for (const int shift : {0, 11, 22}) {
    std::array<std::size_t, 2048> place = {};
    for (const std::uint32_t key : keys) ++place[key >> shift & 2047];
    std::size_t sum = 0;
    for (std::size_t& at : place) sum += std::exchange(at, sum);
    for (const std::uint32_t key : keys) sorted[place[key >> shift & 2047]++] = key;
    keys.swap(sorted);
  }
  for (std::size_t i = 0; i < keys.size(); ++i)
    (*values)[i] = std::bit_cast<float>((keys[i] & 0x80000000u) != 0 ? keys[i] & 0x7fffffffu : ~keys[i]);
}

}  // namespace

std::size_t Bins::OfCode(float code) const {
  const auto at = std::ranges::lower_bound(codes, code);
  if (at != codes.end() && *at == code) return static_cast<std::size_t>(at - codes.begin());
  return !all_known || std::ranges::binary_search(others, code) ? codes.size() : codes.size() + 1;
}

Bins MakeBins(std::span<const float> values, bool categorical) {
  std::vector<float> sorted;
  sorted.reserve(values.size());
  std::ranges::copy_if(values, std::back_inserter(sorted), [](float v) { return std::isfinite(v); });
  SortFinite(&sorted);
  Bins bins;
  bins.categorical = categorical;
  if (categorical)
    BinCategories(sorted, &bins);
  else
    BinNumbers(std::move(sorted), &bins);
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

void BinCounts::Add(const Bins& bins, const float* values, std::size_t count, std::size_t stride) {
  if (!bins.categorical && stride == 1 && count >= kBlock) {
    const std::size_t whole = count / kBlock * kBlock;
    AddBlocks(bins, values, whole);
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

// What of a block lies above each upper end; and how many values are there at all, and lie below the least.
struct BlockCounts {
  std::array<std::int32_t, Bins::kDeciles> above = {};
  std::int32_t there = 0, below = 0;
};
struct Extremes {
  std::array<float, 8> low, high;  // By lane.
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
                                              BlockCounts* out) {
  Floats values[kValues / kLanes];
  std::memcpy(values, block, sizeof values);
  Integers there = {}, below = {};
  for (const Floats& v : values) {
    there -= v == v;
    below -= v < bins.least;
  }
  out->there = SumOf(there);
  out->below = SumOf(below);
  for (std::size_t e = 0; e < bins.uppers.size(); ++e) {
    const float upper = bins.uppers[e];
    Integers above = {};
    for (const Floats& v : values) above -= v > upper;
    out->above[e] = SumOf(above);
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

using CountBlockFunction = void (*)(const Bins&, const float*, Extremes*, BlockCounts*);
template <std::size_t kValues>
void CountBlockPortable(const Bins& bins, const float* block, Extremes* extremes, BlockCounts* out) {
  CountBlock<kValues>(bins, block, extremes, out);
}
#if defined(__x86_64__)
template <std::size_t kValues>
__attribute__((target("avx2"))) void CountBlockAvx2(const Bins& bins, const float* block, Extremes* extremes,
                                                    BlockCounts* out) {
  CountBlock<kValues>(bins, block, extremes, out);
}
#endif

template <std::size_t kValues>
CountBlockFunction BestCountBlock() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return CountBlockAvx2<kValues>;
#endif
  return CountBlockPortable<kValues>;
}

}  // namespace

// The same as Bins::Of of each value: a bin's count is the difference of what lies above its two ends.
void BinCounts::AddBlocks(const Bins& bins, const float* values, std::size_t count) {
  constexpr std::size_t kLarge = 8 * kBlock;
  static const CountBlockFunction count_block = BestCountBlock<kBlock>(), count_large = BestCountBlock<kLarge>();
  Extremes extremes;
  extremes.low.fill(least);
  extremes.high.fill(most);
  for (std::size_t first = 0; first < count;) {
    const std::size_t size = count - first < kLarge ? kBlock : kLarge;
    BlockCounts block;
    (size == kLarge ? count_large : count_block)(bins, values + first, &extremes, &block);
    first += size;
    counts[0] += static_cast<std::uint64_t>(block.below);
    std::int32_t left = block.there - block.below;  // At or above the bin's lower end.
    for (std::size_t e = 0; e < bins.uppers.size(); ++e) {
      counts[e + 1] += static_cast<std::uint64_t>(left - block.above[e]);
      left = block.above[e];
    }
    counts[bins.above()] += static_cast<std::uint64_t>(left);
    counts[bins.missing()] += size - static_cast<std::size_t>(block.there);
  }
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
