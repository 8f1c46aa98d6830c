// InvertedFile: vectors in groups of those that lie together, so that a search by dot product reads the groups that are
// likely to hold the greatest ones instead of all (Jegou, Douze and Schmid 2011, "IVFFlat").
//
// Groups are those of k-means over a sample of the vectors (Lloyd, a bounded number of rounds). Dot products favour
// long vectors whatever their direction, which groups by distance tell badly: the kHead longest are a group of their
// own that is always read. The others are read by falling estimate of their best vector: the user's product with the
// group's mean, and kSpread standard deviations of what its vectors have beyond that in the user's direction. So a
// search reads about as many vectors as it is told to, however many there are. What it misses depends on the vectors:
// docs/design/inverted-file.md has the figures. The groups are a function of the vectors alone: equal bits on every
// processor. Thread safety: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "retrieve/int8_dot.h"

namespace gfr {

class InvertedFile {
 public:
  // Fewer are read whole: that costs no more than choosing among them.
  static constexpr std::size_t kLeastVectors = 16'384;
  static constexpr std::size_t kHead = 1024;
  static constexpr int kRounds = 6;
  static constexpr std::size_t kSampleAGroup = 32;
  static constexpr float kSpread = 1;

  // The vectors, and the same as 8-bit integers, one a row of `stride` bytes: each is about its scale times them.
  struct Vectors {
    std::span<const float> values;
    std::size_t dimensions;
    const std::int8_t* bytes;
    std::span<const float> scales;
    std::size_t stride;
    Int8Dots dots;
    std::span<const float> Row(std::size_t i) const { return values.subspan(i * dimensions, dimensions); }
  };
  // Rows [begin, end) of the order below.
  struct Run {
    std::uint32_t begin, end;
  };

  InvertedFile() = default;  // Of no vectors.
  // REQUIRES: finite values. Costs about 1.6 n^1.5 products of 8-bit vectors and as many again for the sample.
  explicit InvertedFile(const Vectors& vectors);

  bool empty() const { return order_.empty(); }
  // The vectors' indexes, group by group.
  const std::vector<std::uint32_t>& order() const { return order_; }
  // What to read for this user: groups of at least `rows` vectors all together, best first.
  std::vector<Run> Probe(std::span<const float> user, std::size_t rows) const;
  std::size_t memory_bytes() const;

 private:
  using Indexes = std::vector<std::uint32_t>;
  std::size_t groups() const { return deviations_.size(); }
  std::span<float> MeanOf(std::size_t group) { return std::span(means_).subspan(group * dimensions_, dimensions_); }
  std::span<const float> MeanOf(std::size_t group) const {
    return std::span(means_).subspan(group * dimensions_, dimensions_);
  }
  Indexes TakeHead(const Vectors& vectors);
  void Train(const Vectors& vectors, const Indexes& rest);
  Indexes Assign(const Vectors& vectors, std::span<const std::uint32_t> which) const;
  void SetMeans(const Vectors& vectors, std::span<const std::uint32_t> which, std::span<const std::uint32_t> group_of);

  std::size_t dimensions_ = 0;
  Indexes order_;                  // The head, then each group.
  Indexes ends_;                   // Of each group in order_.
  std::vector<float> means_;       // groups x dimensions.
  std::vector<float> deviations_;  // Of each group's vectors from its mean, by dimension.
};

}  // namespace gfr
