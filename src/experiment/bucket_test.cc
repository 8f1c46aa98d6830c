#include "experiment/bucket.h"

#include <gtest/gtest.h>

#include <string>

namespace gfr {
namespace {

// "hash" of the cases that GrowthBook publishes for makers of client libraries (packages/sdk-js/test/cases.json,
// version 2).
TEST(Bucket, IsTheOneOfGrowthBooksPublishedCases) {
  EXPECT_EQ(Bucket("seed", "a"), 0.0505);
  EXPECT_EQ(Bucket("seed", "b"), 0.2696);
  EXPECT_EQ(Bucket("foo", "ab"), 0.2575);
  EXPECT_EQ(Bucket("foo", "def"), 0.2019);
  EXPECT_EQ(Bucket("89123klj", "8952klfjas09ujkasdf"), 0.124);
  EXPECT_EQ(Bucket("90850943850283058242805", "123"), 0.7516);
  EXPECT_EQ(Bucket("()**(%$##$%#$#", "___)((*\":&"), 0.0128);
}

// Those of its Python library, which hashes JavaScript's characters too.
TEST(Bucket, IsOfCharactersAndNotOfBytes) {
  EXPECT_EQ(Bucket("seed", "José"), 0.1358);
  EXPECT_EQ(Bucket("naïve", "Ωmega"), 0.9899);
  EXPECT_EQ(Bucket("s", "日本"), 0.0984);
  EXPECT_EQ(Bucket("s", "😀 ann"), 0.7203);
  EXPECT_GE(Bucket("s", "\xff\xc3"), 0) << "what is no UTF-8 has a bucket too";
}

// "getBucketRange" of the same file; its ranges are rounded there.
TEST(ArmRanges, AreThoseOfGrowthBooksPublishedCases) {
  const auto same = [](const std::vector<BucketRange>& got, const std::vector<BucketRange>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      EXPECT_NEAR(got[k].low, expected[k].low, 1e-9);
      EXPECT_NEAR(got[k].high, expected[k].high, 1e-9);
    }
  };
  same(ArmRanges(1, {1, 1}), {{0, 0.5}, {0.5, 1}});
  same(ArmRanges(0.5, {1, 1}), {{0, 0.25}, {0.5, 0.75}});
  same(ArmRanges(0, {1, 1}), {{0, 0}, {0.5, 0.5}});
  same(ArmRanges(1, {1, 1, 1, 1}), {{0, 0.25}, {0.25, 0.5}, {0.5, 0.75}, {0.75, 1}});
  same(ArmRanges(1, {0.4, 0.6}), {{0, 0.4}, {0.4, 1}});
  same(ArmRanges(1, {0.2, 0.3, 0.5}), {{0, 0.2}, {0.2, 0.5}, {0.5, 1}});
  same(ArmRanges(0.2, {0.2, 0.3, 0.5}), {{0, 0.04}, {0.2, 0.26}, {0.5, 0.6}});
  same(ArmRanges(-0.2, {1, 1}), {{0, 0}, {0.5, 0.5}});
  same(ArmRanges(1.5, {1, 1}), {{0, 0.5}, {0.5, 1}});
}

TEST(Bucket, UnitsAreSpreadEvenlyAndSaltsAreIndependent) {
  std::vector<int> tenth(10), both(4);
  for (int k = 0; k < 20000; ++k) {
    const std::string id = "user-" + std::to_string(k);
    const double a = Bucket("one", id), b = Bucket("two", id);
    ++tenth[static_cast<std::size_t>(a * 10)];
    ++both[static_cast<std::size_t>((a < 0.5) + 2 * (b < 0.5))];
  }
  for (const int n : tenth) EXPECT_NEAR(n, 2000, 250);
  for (const int n : both) EXPECT_NEAR(n, 5000, 400);
}

}  // namespace
}  // namespace gfr
