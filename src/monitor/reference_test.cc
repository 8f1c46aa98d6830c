#include "monitor/reference.h"

#include <gtest/gtest.h>

#include <limits>

#include "monitor/test_rows.h"

namespace gfr {
namespace {

Reference TestReference(int days = 10, double requests = 8) {
  return MakeReference("pctr", TestRows::Columns(), TestRows::Make(1, 0, days, requests).rows(), 0, INT64_MAX,
                       {{0, "organic"}, {5, "email"}});
}

TEST(Reference, KnowsWhichColumnsAreOfTheRequestAndWhichGrow) {
  const Reference reference = TestReference(14, 40);
  EXPECT_TRUE(reference.Find("channel")->of_request);
  EXPECT_TRUE(reference.Find("loyalty")->of_request);
  EXPECT_FALSE(reference.Find("price")->of_request);
  EXPECT_TRUE(reference.Find("age")->grows);
  for (const char* name : {"price", "channel", "loyalty", "rating", "device"})
    EXPECT_FALSE(reference.Find(name)->grows) << name;
  EXPECT_EQ(reference.Find("none"), nullptr);
}

TEST(Reference, CountsEachRowOnceByColumnAndByWindow) {
  const TestRows made = TestRows::Make(1, 0, 3, 8);
  const Reference reference = MakeReference("pctr", TestRows::Columns(), made.rows(), 0, INT64_MAX);
  std::uint64_t rows = 0;
  std::vector<std::uint64_t> counts(reference.bins());
  for (const ReferenceWindow& window : reference.windows) {
    rows += window.rows;
    for (std::size_t b = 0; b < counts.size(); ++b) counts[b] += window.counts[b];
  }
  EXPECT_EQ(rows, made.label.size());
  std::size_t at = 0;
  for (const ReferenceColumn& column : reference.columns) {
    EXPECT_EQ(column.counts.rows(), made.label.size());
    for (const std::uint64_t count : column.counts.counts) EXPECT_EQ(counts[at++], count) << column.name;
  }
}

TEST(Reference, KeepsTheWindowsOfItsLastDaysOnly) {
  const Reference reference = TestReference(35, 2);
  EXPECT_GE(reference.windows.front().from_ms, reference.to_ms - (Reference::kDays * kDayMs + kHourMs));
  EXPECT_EQ(reference.from_ms / kDayMs, TestRows::kStartMs / kDayMs);
}

TEST(Reference, ReadsWhatItWrote) {
  const References kept{TestReference(), {TestReference(3, 2), Reference{.objective = "pcvr"}}};
  const std::string bytes = EncodeReferences(kept);
  const auto read = DecodeReferences(bytes);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(EncodeReferences(read.value()), bytes);
  const Reference& features = read.value().features;
  EXPECT_EQ(features.windows, kept.features.windows);
  EXPECT_EQ(features.Find("channel")->names.at(5), "email");
  EXPECT_EQ(features.Find("price")->counts, kept.features.Find("price")->counts);
  ASSERT_EQ(read.value().priors.size(), 2u);
  EXPECT_EQ(read.value().priors[1].objective, "pcvr");
}

TEST(Reference, InfiniteValuesOfATrainingAreOutsideTheRangeAndCanBeRead) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  TestRows made = TestRows::Make(1, 0, 2, 8);
  made.features[TestRows::kPrice] = kInf;
  made.features[TestRows::kColumns + TestRows::kPrice] = -kInf;
  for (std::size_t i = 0; i < made.label.size(); ++i) made.features[i * TestRows::kColumns + TestRows::kAge] = kInf;
  const Reference reference = MakeReference("pctr", TestRows::Columns(), made.rows(), 0, INT64_MAX);
  const auto read = DecodeReferences(EncodeReferences({reference, {}}));
  ASSERT_TRUE(read.ok()) << read.error().message;
  const ReferenceColumn& price = *read.value().features.Find("price");
  EXPECT_EQ(price.counts.counts.front(), 1u);
  EXPECT_EQ(price.counts.counts[price.bins.above()], 1u);
  const ReferenceColumn& age = *read.value().features.Find("age");
  EXPECT_EQ(age.counts.counts[age.bins.above()], made.label.size()) << "no value of it has a bin";
}

TEST(Reference, RefusesDamageAndNamesANewerFormat) {
  std::string bytes = EncodeReferences({TestReference(2, 2), {}});
  for (std::size_t size = 0; size < bytes.size(); size += 7) EXPECT_FALSE(DecodeReferences(bytes.substr(0, size)).ok());
  EXPECT_FALSE(DecodeReferences(bytes + "x").ok());
  bytes[8] = 2;
  EXPECT_EQ(DecodeReferences(bytes).error().code, ErrorCode::kNeedsNewer);
}

}  // namespace
}  // namespace gfr
