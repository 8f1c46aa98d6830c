#include "stats/bin_counts.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

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
  std::ranges::sort(sorted);
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

// The same as Bins::Of of each value, an edge at a time over a block of values, so that it compiles to vectors. The
// bins of four neighbours are counted apart: the next count need not wait for the one before.
void BinCounts::AddBlocks(const Bins& bins, const float* values, std::size_t count) {
  std::array<std::array<std::uint32_t, Bins::kDeciles + 3>, 4> apart = {};
  std::array<std::int32_t, kBlock> bin;
  const auto missing = static_cast<std::int32_t>(bins.missing());
  for (std::size_t first = 0; first < count; first += kBlock) {
    const float* const block = values + first;
    // A value below the least is in no bin's range: it loses the one that all others begin with.
    for (std::size_t i = 0; i < kBlock; ++i) bin[i] = block[i] < bins.least ? 0 : 1;
    for (const float upper : bins.uppers) {
      for (std::size_t i = 0; i < kBlock; ++i) bin[i] += upper < block[i] ? 1 : 0;
    }
    for (std::size_t i = 0; i < kBlock; ++i) bin[i] = block[i] != block[i] ? missing : bin[i];
    float low = least, high = most;
    for (std::size_t i = 0; i < kBlock; ++i) low = block[i] < low ? block[i] : low;
    for (std::size_t i = 0; i < kBlock; ++i) high = block[i] > high ? block[i] : high;
    least = low;
    most = high;
    for (std::size_t i = 0; i < kBlock; ++i) ++apart[i % 4][static_cast<std::size_t>(bin[i])];
    if (first % (std::size_t{1} << 30) != 0 && first + kBlock < count) continue;
    for (auto& part : apart) {
      for (std::size_t b = 0; b < counts.size(); ++b) counts[b] += part[b];
      part = {};
    }
  }
}

void BinCounts::Merge(const BinCounts& other) {
  for (std::size_t b = 0; b < counts.size(); ++b) counts[b] += other.counts[b];
  least = std::min(least, other.least);
  most = std::max(most, other.most);
  for (const float code : other.unseen) NoteUnseen(code);
}

}  // namespace gfr
