#include "retrieve/inverted_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "retrieve/embedding_index.h"
#include "retrieve/test_embeddings.h"

namespace gfr {
namespace {

constexpr std::size_t kDimensions = 32;

EmbeddingIndex::Parts InventedParts(InventedEmbeddings& invented, std::size_t items) {
  EmbeddingIndex::Parts parts{.items = {}, .dimensions = kDimensions, .vectors = {}};
  for (std::size_t i = 0; i < items; ++i) {
    parts.items.push_back(10 + 3 * i);
    invented.AppendItem(i * 7, &parts.vectors);
  }
  return parts;
}

std::set<Key> KeysOf(const std::vector<EmbeddingIndex::Found>& found) {
  std::set<Key> keys;
  for (const auto& one : found) keys.insert(one.item);
  return keys;
}

TEST(InvertedFile, HasEachVectorOnceAndReadsAboutAsManyAsItIsTold) {
  constexpr std::size_t kVectors = 20'000, kRead = 3000;
  InventedEmbeddings invented(1, kDimensions);
  const EmbeddingIndex::Parts parts = InventedParts(invented, kVectors);
  std::vector<std::int8_t> bytes(kVectors * kInt8Step);
  std::vector<float> scales;
  for (std::size_t i = 0; i < kVectors; ++i)
    scales.push_back(
        QuantizeInt8(std::span(parts.vectors).subspan(i * kDimensions, kDimensions), bytes.data() + i * kInt8Step));
  const InvertedFile file({.values = parts.vectors,
                           .dimensions = kDimensions,
                           .bytes = bytes.data(),
                           .scales = scales,
                           .stride = kInt8Step,
                           .dots = BestInt8Dots()});
  std::vector<bool> seen(kVectors);
  for (const std::uint32_t i : file.order()) {
    EXPECT_FALSE(seen[i]);
    seen[i] = true;
  }
  EXPECT_EQ(file.order().size(), kVectors);
  for (int user = 0; user < 20; ++user) {
    std::vector<bool> read(kVectors);
    std::size_t rows = 0;
    for (const InvertedFile::Run& run : file.Probe(invented.MakeUser(), kRead)) {
      for (std::uint32_t row = run.begin; row < run.end; ++row, ++rows) {
        EXPECT_FALSE(read[row]) << "a row is read once";
        read[row] = true;
      }
    }
    EXPECT_GE(rows, kRead);
    EXPECT_LT(rows, 2 * kRead) << "and no more groups than that takes";
  }
  std::size_t all = 0;
  for (const InvertedFile::Run& run : file.Probe(invented.MakeUser(), SIZE_MAX)) all += run.end - run.begin;
  EXPECT_EQ(all, kVectors);
}

TEST(InvertedFile, TheSearchFindsNinetyNineInAHundredOfTheExhaustiveOnesTopHundred) {
  InventedEmbeddings invented(2, kDimensions);
  const auto index = EmbeddingIndex::Make(InventedParts(invented, 100'000)).value();
  std::size_t same = 0;
  constexpr std::size_t kUsers = 40;
  for (std::size_t u = 0; u < kUsers; ++u) {
    const std::vector<float> user = invented.MakeUser();
    const std::set<Key> all = KeysOf(index->SearchAll(user, 100));
    const auto found = index->Search(user, 100);
    ASSERT_EQ(found.size(), 100u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
    for (const Key key : KeysOf(found)) same += all.contains(key);
  }
  EXPECT_GE(same, kUsers * 99);
}

TEST(InvertedFile, EveryInstructionSetFindsTheSame) {
  InventedEmbeddings invented(3, kDimensions);
  const EmbeddingIndex::Parts parts = InventedParts(invented, InvertedFile::kLeastVectors);
  const std::vector<float> user = invented.MakeUser();
  const auto portable = EmbeddingIndex::Make(parts, Int8DotsOf(Int8Kernel::kPortable)).value();
  for (const Int8Kernel kernel : {Int8Kernel::kAvx2, Int8Kernel::kAvx512}) {
    if (!IsSupported(kernel)) continue;
    EXPECT_EQ(EmbeddingIndex::Make(parts, Int8DotsOf(kernel)).value()->Search(user, 20), portable->Search(user, 20));
  }
}

TEST(InvertedFile, VectorsThatAreAllAlikeOrZeroAreFoundToo) {
  for (const float value : {0.0f, 2.0f}) {
    EmbeddingIndex::Parts parts{.items = {}, .dimensions = 2, .vectors = {}};
    for (std::size_t i = 0; i < InvertedFile::kLeastVectors + 5; ++i) {
      parts.items.push_back(1 + i);
      parts.vectors.insert(parts.vectors.end(), {value, value});
    }
    const auto index = EmbeddingIndex::Make(std::move(parts)).value();
    EXPECT_EQ(index->Search(std::vector<float>{1, 1}, 50).size(), 50u);
  }
}

}  // namespace
}  // namespace gfr
