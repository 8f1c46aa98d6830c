#include "retrieve/inverted_file.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "base/rng.h"

namespace gfr {
namespace {

constexpr std::uint64_t kSampleSeed = 25;

std::size_t GroupsOf(std::size_t vectors) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(1.6 * std::sqrt(static_cast<double>(vectors))));
}

// `count` of `all`, each once, in an order that the seed decides.
std::vector<std::uint32_t> DrawSample(std::vector<std::uint32_t> all, std::size_t count) {
  Rng rng(kSampleSeed);
  count = std::min(count, all.size());
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + rng.Below(all.size() - i)]);
  all.resize(count);
  return all;
}

}  // namespace

InvertedFile::InvertedFile(const Vectors& vectors) : dimensions_(vectors.dimensions) {
  order_.resize(vectors.scales.size());
  if (order_.empty()) return;
  std::iota(order_.begin(), order_.end(), 0u);
  const Indexes rest = TakeHead(vectors);
  if (rest.empty()) return;
  Train(vectors, rest);
  const Indexes group_of = Assign(vectors, rest);
  SetMeans(vectors, rest, group_of);
  // The rows of a group one behind the other.
  const auto head = static_cast<std::uint32_t>(order_.size() - rest.size());
  ends_.assign(groups(), 0);
  for (const std::uint32_t group : group_of) ++ends_[group];
  Indexes next(groups());
  std::exclusive_scan(ends_.begin(), ends_.end(), next.begin(), head);
  std::inclusive_scan(ends_.begin(), ends_.end(), ends_.begin(), std::plus<>(), head);
  for (std::size_t i = 0; i < rest.size(); ++i) order_[next[group_of[i]]++] = rest[i];
}

// Leaves the longest vectors at the beginning of order_; the others, rising.
InvertedFile::Indexes InvertedFile::TakeHead(const Vectors& vectors) {
  std::vector<float> squares(order_.size());
  for (std::size_t i = 0; i < squares.size(); ++i)
    squares[i] = DotProduct(vectors.Row(i).data(), vectors.Row(i).data(), dimensions_);
  const auto head = order_.begin() + static_cast<std::ptrdiff_t>(std::min(kHead, order_.size()));
  std::nth_element(order_.begin(), head - 1, order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return squares[a] != squares[b] ? squares[a] > squares[b] : a < b;
  });
  std::sort(order_.begin(), head);
  Indexes rest(head, order_.end());
  std::ranges::sort(rest);
  return rest;
}

void InvertedFile::Train(const Vectors& vectors, const Indexes& rest) {
  const std::size_t groups = GroupsOf(order_.size());
  const Indexes sample = DrawSample(rest, kSampleAGroup * groups);
  deviations_.assign(std::min(groups, sample.size()), 0);
  means_.resize(deviations_.size() * dimensions_);
  for (std::size_t g = 0; g < deviations_.size(); ++g) std::ranges::copy(vectors.Row(sample[g]), MeanOf(g).begin());
  for (int round = 0; round < kRounds; ++round) SetMeans(vectors, sample, Assign(vectors, sample));
}

// The group whose mean is nearest to each: least |x - m|^2, and so greatest x m - |m|^2 / 2.
InvertedFile::Indexes InvertedFile::Assign(const Vectors& vectors, std::span<const std::uint32_t> which) const {
  std::vector<std::int8_t> bytes(groups() * vectors.stride);
  std::vector<float> scales(groups()), halves(groups());
  for (std::size_t g = 0; g < groups(); ++g) {
    scales[g] = QuantizeInt8(MeanOf(g), bytes.data() + g * vectors.stride);
    halves[g] = DotProduct(MeanOf(g).data(), MeanOf(g).data(), dimensions_) / 2;
  }
  std::vector<std::int32_t> dots(groups());
  Indexes group_of;
  group_of.reserve(which.size());
  for (const std::uint32_t i : which) {
    vectors.dots(vectors.bytes + i * vectors.stride, bytes.data(), groups(), vectors.stride, dots.data());
    std::uint32_t best = 0;
    float greatest = -HUGE_VALF;
    for (std::uint32_t g = 0; g < groups(); ++g) {
      const float score = static_cast<float>(dots[g]) * scales[g] * vectors.scales[i] - halves[g];
      if (score > greatest) {
        greatest = score;
        best = g;
      }
    }
    group_of.push_back(best);
  }
  return group_of;
}

// A group without vectors keeps its mean.
void InvertedFile::SetMeans(const Vectors& vectors, std::span<const std::uint32_t> which,
                            std::span<const std::uint32_t> group_of) {
  std::vector<double> sums(means_.size()), squares(groups());
  Indexes sizes(groups());
  for (std::size_t i = 0; i < which.size(); ++i) {
    const std::span<const float> row = vectors.Row(which[i]);
    double* const sum = sums.data() + group_of[i] * dimensions_;
    for (std::size_t k = 0; k < dimensions_; ++k) sum[k] += row[k];
    squares[group_of[i]] += DotProduct(row.data(), row.data(), dimensions_);
    ++sizes[group_of[i]];
  }
  for (std::size_t g = 0; g < groups(); ++g) {
    if (sizes[g] == 0) continue;
    double of_mean = 0;
    for (std::size_t k = 0; k < dimensions_; ++k) {
      const double mean = sums[g * dimensions_ + k] / sizes[g];
      MeanOf(g)[k] = static_cast<float>(mean);
      of_mean += mean * mean;
    }
    deviations_[g] = static_cast<float>(
        std::sqrt(std::max(0.0, squares[g] / sizes[g] - of_mean) / static_cast<double>(dimensions_)));
  }
}

std::vector<InvertedFile::Run> InvertedFile::Probe(std::span<const float> user, std::size_t rows) const {
  struct Group {
    float estimate;
    std::uint32_t at;
    bool operator<(const Group& b) const { return estimate != b.estimate ? estimate < b.estimate : at > b.at; }
  };
  const auto head = static_cast<std::uint32_t>(std::min(kHead, order_.size()));
  std::vector<Run> runs{{0, head}};
  std::size_t read = head;
  const float spread = kSpread * std::sqrt(DotProduct(user.data(), user.data(), dimensions_));
  std::vector<Group> left;
  left.reserve(groups());
  for (std::uint32_t g = 0; g < groups(); ++g)
    left.push_back({DotProduct(user.data(), MeanOf(g).data(), dimensions_) + spread * deviations_[g], g});
  std::make_heap(left.begin(), left.end());
  while (read < rows && !left.empty()) {
    std::pop_heap(left.begin(), left.end());
    const std::uint32_t g = left.back().at, begin = g == 0 ? head : ends_[g - 1];
    left.pop_back();
    if (begin == ends_[g]) continue;
    runs.push_back({begin, ends_[g]});
    read += ends_[g] - begin;
  }
  return runs;
}

std::size_t InvertedFile::memory_bytes() const {
  return (order_.capacity() + ends_.capacity() + means_.capacity() + deviations_.capacity()) * 4;
}

}  // namespace gfr
