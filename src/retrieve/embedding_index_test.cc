#include "retrieve/embedding_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/rng.h"
#include "retrieve/test_shop.h"

namespace gfr {
namespace {

EmbeddingIndex::Parts RandomParts(std::uint64_t seed, std::size_t items, std::size_t dimensions) {
  Rng rng(seed);
  EmbeddingIndex::Parts parts{.items = {}, .dimensions = dimensions, .vectors = {}};
  for (std::size_t i = 0; i < items; ++i) parts.items.push_back(10 + 3 * i);
  // Lengths differ as those of items that few and many came to.
  for (std::size_t i = 0; i < items; ++i) {
    const double length = std::exp(rng.Normal());
    for (std::size_t k = 0; k < dimensions; ++k) parts.vectors.push_back(static_cast<float>(length * rng.Normal()));
  }
  return parts;
}

std::vector<float> RandomVector(Rng& rng, std::size_t dimensions) {
  std::vector<float> vector;
  for (std::size_t k = 0; k < dimensions; ++k) vector.push_back(static_cast<float>(rng.Normal()));
  return vector;
}

std::vector<Int8Kernel> SupportedKernels() {
  std::vector<Int8Kernel> kernels;
  for (const Int8Kernel kernel : {Int8Kernel::kPortable, Int8Kernel::kAvx2, Int8Kernel::kAvx512}) {
    if (IsSupported(kernel)) kernels.push_back(kernel);
  }
  return kernels;
}

TEST(Int8Dot, EveryInstructionSetGivesTheExactSums) {
  Rng rng(1);
  for (const std::size_t stride : {64u, 128u, 448u, 1024u}) {
    constexpr std::size_t kRows = 37;
    std::vector<std::int8_t> query(stride), rows(stride * kRows);
    for (auto* bytes : {&query, &rows}) {
      for (std::int8_t& b : *bytes)
        b = rng.Chance(0.2) ? (rng.Chance(0.5) ? 127 : -127) : static_cast<std::int8_t>(rng.Below(255) - 127);
    }
    std::vector<std::int32_t> expected;
    for (std::size_t i = 0; i < kRows; ++i) {
      std::int64_t sum = 0;
      for (std::size_t k = 0; k < stride; ++k) sum += std::int64_t{query[k]} * rows[i * stride + k];
      expected.push_back(static_cast<std::int32_t>(sum));
    }
    for (const Int8Kernel kernel : SupportedKernels()) {
      std::vector<std::int32_t> dots(kRows);
      Int8DotsOf(kernel)(query.data(), rows.data(), kRows, stride, dots.data());
      EXPECT_EQ(dots, expected) << static_cast<int>(kernel) << ' ' << stride;
    }
  }
}

TEST(EmbeddingIndex, EveryInstructionSetFindsTheSameItemsWithEqualScores) {
  for (const std::size_t dimensions : {1u, 17u, 64u, 100u}) {
    const auto portable =
        EmbeddingIndex::Make(RandomParts(5, 3000, dimensions), Int8DotsOf(Int8Kernel::kPortable)).value();
    Rng rng(6);
    const std::vector<float> user = RandomVector(rng, dimensions);
    for (const Int8Kernel kernel : SupportedKernels()) {
      const auto index = EmbeddingIndex::Make(RandomParts(5, 3000, dimensions), Int8DotsOf(kernel)).value();
      EXPECT_EQ(index->Search(user, 100), portable->Search(user, 100)) << static_cast<int>(kernel);
    }
  }
}

TEST(EmbeddingIndex, FindsNinetyNineInAHundredOfTheExactTopHundred) {
  const auto index = EmbeddingIndex::Make(RandomParts(7, 20'000, 64)).value();
  Rng rng(8);
  std::size_t same = 0, queries = 30;
  for (std::size_t q = 0; q < queries; ++q) {
    const std::vector<float> user = RandomVector(rng, 64);
    std::set<Key> exact;
    for (const auto& found : index->SearchExactly(user, 100)) exact.insert(found.item);
    const auto found = index->Search(user, 100);
    ASSERT_EQ(found.size(), 100u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
    for (const auto& one : found) same += exact.contains(one.item);
  }
  EXPECT_GE(same, queries * 99);
}

TEST(EmbeddingIndex, AFewItemsAreAllFoundInOrder) {
  const auto index = EmbeddingIndex::Make(RandomParts(9, 40, 8)).value();
  Rng rng(10);
  const std::vector<float> user = RandomVector(rng, 8);
  EXPECT_EQ(index->Search(user, 1000), index->SearchExactly(user, 1000));
  EXPECT_TRUE(index->Search(user, 0).empty());
  const auto none = EmbeddingIndex::Make({.items = {}, .dimensions = 8, .vectors = {}}).value();
  EXPECT_TRUE(none->Search(user, 10).empty());
}

TEST(EmbeddingIndex, AUserOfVectorsBroughtAlongIsTheMeanOfTheLastItemsTheNewestCountingMost) {
  const auto index = EmbeddingIndex::Make({.items = {1, 2, 3}, .dimensions = 2, .vectors = {1, 0, 0, 1, 4, 4}}).value();
  EXPECT_THAT(index->UserVector(std::vector<Key>{0, 2, 77, 1, 2}), testing::ElementsAre(0.5f, 1.0f));
  EXPECT_TRUE(index->UserVector(std::vector<Key>{77, 0}).empty()) << "none of the items has a vector";
}

TEST(EmbeddingIndex, ComesBackFromItsBytesAndNoDamagedOnesAreTaken) {
  EmbeddingIndex::Parts parts = RandomParts(11, 50, 5);
  for (std::size_t k = 0; k < 25; ++k) parts.inverse.push_back(k % 6 == 0 ? 2.0f : 0.25f);
  parts.confidence = 10;
  const auto index = EmbeddingIndex::Make(std::move(parts)).value();
  const std::string bytes = index->Encode();
  const auto again = EmbeddingIndex::Decode(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()->Encode(), bytes);
  const std::vector<Key> recent{10, 40, 13};
  EXPECT_EQ(again.value()->UserVector(recent), index->UserVector(recent));
  for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
    EXPECT_EQ(EmbeddingIndex::Decode(std::string_view(bytes).substr(0, cut)).error().code, ErrorCode::kCorrupt);
  }
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 16);
    EXPECT_FALSE(EmbeddingIndex::Decode(flipped).ok()) << at;
  }
}

TEST(EmbeddingIndex, PartsThatBreakABoundAreRefusedInWords) {
  const auto error = [](EmbeddingIndex::Parts parts) { return EmbeddingIndex::Make(std::move(parts)).error().message; };
  EXPECT_THAT(error({.items = {1}, .dimensions = 0, .vectors = {}}), testing::HasSubstr("valid are 1 to 1024"));
  EXPECT_THAT(error({.items = {2, 2}, .dimensions = 1, .vectors = {1, 2}}), testing::HasSubstr("an item twice"));
  EXPECT_THAT(error({.items = {1}, .dimensions = 1, .vectors = {NAN}}), testing::HasSubstr("not finite"));
  EXPECT_THAT(error({.items = {1}, .dimensions = 1, .vectors = {2e6f}}), testing::HasSubstr("beyond 1,000,000"));
  EXPECT_THAT(error({.items = {1}, .dimensions = 2, .vectors = {1, 2}, .inverse = {1}}), testing::HasSubstr("inverse"));
}

const std::vector<ChannelConfig> kEmbedding{{"exploit", 3, "embedding"}};

// Items on a line: i0 at 0, i1 at 1, ...; each user lies where their items do.
std::shared_ptr<const EmbeddingIndex> OnALine(std::size_t items) {
  std::vector<std::pair<Key, float>> at;
  for (std::size_t i = 0; i < items; ++i) at.emplace_back(KeyOf(Item(i)), static_cast<float>(i));
  std::ranges::sort(at);
  EmbeddingIndex::Parts parts{.items = {}, .dimensions = 1, .vectors = {}};
  for (const auto& [key, value] : at) {
    parts.items.push_back(key);
    parts.vectors.push_back(value);
  }
  return EmbeddingIndex::Make(std::move(parts)).value();
}

TEST(EmbeddingSource, GivesTheNearestItemsOnSaleThatAreNotTakenAndNotTheLastOnes) {
  Shop shop(kCatalogue, kEmbedding);
  for (std::uint64_t i = 0; i < 300; ++i) shop.Put(Item(i), {});
  for (std::uint64_t i = 100; i < 299; ++i) shop.Note(EventType::kItemDelete, Item(i));
  shop.Seal();
  EXPECT_TRUE(shop.Find(kEmbedding, {KeyOf(Item(5))}).empty()) << "there is no index yet";
  shop.maker->SetEmbeddings(OnALine(300), "4");
  shop.maker->Update();
  EXPECT_EQ(shop.maker->lists()->embeddings_version(), "4");
  EXPECT_THAT(shop.Find(kEmbedding, {KeyOf(Item(299)), KeyOf(Item(98))}, 1, {KeyOf(Item(97))}),
              testing::ElementsAre("exploit " + Item(99), "exploit " + Item(96), "exploit " + Item(95)));
  EXPECT_TRUE(shop.Find(kEmbedding).empty()) << "nothing is known of the user";
}

TEST(EmbeddingSource, AnotherVersionIsSearchedFromTheNextListsOnAndOldListsKeepTheirs) {
  Shop shop(kCatalogue, kEmbedding);
  for (std::uint64_t i = 0; i < 10; ++i) shop.Put(Item(i), {});
  shop.Seal();
  shop.maker->SetEmbeddings(OnALine(5), "1");
  shop.maker->Update();
  const auto before = shop.maker->lists();
  shop.maker->SetEmbeddings(OnALine(10), "2");
  shop.maker->SetLogLists({.cooccurrence = nullptr, .trends = nullptr});
  shop.maker->Update();
  EXPECT_EQ(before->embeddings_version(), "1");
  EXPECT_EQ(shop.maker->lists()->embeddings_version(), "2");
  EXPECT_EQ(shop.Find(kEmbedding, {KeyOf(Item(3))})[0], "exploit " + Item(9));
}

}  // namespace
}  // namespace gfr
