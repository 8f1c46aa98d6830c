// EmbeddingIndex: a vector of each item, and which items lie nearest to a user: what the source `embedding` searches.
//
// A user has no vector of their own: it is made of the items that they interacted with last, when a request asks, so
// that it is as fresh as those. Of factors by implicit ALS (index/als.h) it is the user's exact row of the next half
// iteration, with the items' factors as they are (Hu, Koren and Volinsky 2008, equation 4); of vectors brought along,
// the mean of the items', the newest counting most.
// 8-bit dot products (int8_dot.h) choose a shortlist twice as long as what is asked for, which the vectors themselves
// put in order. From InvertedFile::kLeastVectors items on a search for few items reads some thousand vectors alone
// (inverted_file.h); a smaller index, and SearchAll, reads all. Equal bits on every processor.
// docs/formats/embedding.md has the bytes. Thread safety: immutable; all calls.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "retrieve/int8_dot.h"
#include "retrieve/inverted_file.h"

namespace gfr {

class EmbeddingIndex {
 public:
  static constexpr std::size_t kMostItems = 200'000, kMostDimensions = 1024;
  // The greatest value of a vector or of `inverse`: no sum of their products overflows.
  static constexpr float kGreatest = 1e6f;
  // What an index is made of.
  struct Parts {
    std::vector<Key> items;      // Rising; none is 0.
    std::size_t dimensions = 0;  // 1 to kMostDimensions.
    std::vector<float> vectors;  // items x dimensions.
    // Of factors by ALS: the inverse of (sum of y yT over all items + regularization), dimensions x dimensions,
    // symmetric; and what an interaction adds to its confidence of 1. Empty: the vectors were brought along.
    std::vector<float> inverse = {};
    float confidence = 0;
  };
  struct Found {
    Key item;
    float score;
    friend bool operator<(const Found& a, const Found& b) {  // Best first.
      return a.score != b.score ? a.score > b.score : a.item < b.item;
    }
    bool operator==(const Found&) const = default;
  };

  // kInvalidArgument says which bound the parts break.
  static Result<std::shared_ptr<const EmbeddingIndex>> Make(Parts parts, Int8Dots dots = BestInt8Dots());
  static Result<std::shared_ptr<const EmbeddingIndex>> Decode(std::string_view bytes);
  std::string Encode() const;

  // The vector of a user who interacted with these items, newest first (0: none). Empty: none of them is here.
  std::vector<float> UserVector(std::span<const Key> recent) const;
  // What a search of a grouped index reads: so many vectors at least, and so many for each item asked for.
  static constexpr std::size_t kLeastRead = 8192, kReadAFound = 64;

  // At most `most` items by falling dot product: nearly the greatest of all. REQUIRES: user.size() == dimensions().
  std::vector<Found> Search(std::span<const float> user, std::size_t most) const;
  // Those of all items, whose cost grows with the index.
  std::vector<Found> SearchAll(std::span<const float> user, std::size_t most) const;
  // The same by the vectors alone, without a shortlist: slow.
  std::vector<Found> SearchExactly(std::span<const float> user, std::size_t most) const;

  std::size_t dimensions() const { return parts_.dimensions; }
  const std::vector<Key>& items() const { return parts_.items; }
  // dimensions() values. REQUIRES: place < items().size().
  std::span<const float> Vector(std::size_t place) const {
    return std::span(parts_.vectors).subspan(place * parts_.dimensions, parts_.dimensions);
  }
  bool is_factors() const { return !parts_.inverse.empty(); }
  std::size_t memory_bytes() const;

 private:
  EmbeddingIndex(Parts parts, Int8Dots dots);
  EmbeddingIndex(const EmbeddingIndex&) = delete;
  class Shortlist;
  void Group();
  void Read(const std::int8_t* query, InvertedFile::Run run, Shortlist* shortlist) const;
  std::vector<Found> SearchRuns(std::span<const float> user, std::size_t most,
                                std::span<const InvertedFile::Run> runs) const;
  std::vector<float> FoldIn(std::span<const std::size_t> places) const;

  const Parts parts_;
  const Int8Dots dots_;
  const std::size_t stride_;          // Of a quantised vector, padded.
  std::vector<std::int8_t> storage_;  // With room to begin at a cache line.
  std::int8_t* bytes_ = nullptr;      // items x stride_, row by row.
  std::vector<float> scales_;         // Of each row: its vector is about scale * bytes.
  InvertedFile groups_;               // Of a large index: rows are in its order. Empty: in the items'.
};

}  // namespace gfr
