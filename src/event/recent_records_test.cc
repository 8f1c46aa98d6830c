#include "event/recent_records.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

std::vector<LogRecord> Batch(std::uint64_t first, std::size_t records, std::size_t items = 1) {
  std::vector<LogRecord> batch(records);
  for (LogRecord& record : batch) {
    record.offset = first++;
    record.event.items.resize(items);
  }
  return batch;
}

std::vector<std::uint64_t> OffsetsOf(const std::vector<std::vector<LogRecord>>& batches) {
  std::vector<std::uint64_t> offsets;
  for (const auto& batch : batches) {
    for (const LogRecord& record : batch) offsets.push_back(record.offset);
  }
  return offsets;
}

using Offsets = std::vector<std::uint64_t>;

TEST(RecentRecords, GivesWhatWasAddedInOrderAndOnce) {
  RecentRecords recent;
  recent.Begin();
  recent.Add(Batch(7, 2));
  recent.Add(Batch(9, 1));
  EXPECT_EQ(OffsetsOf(recent.Take()), (Offsets{7, 8, 9}));
  EXPECT_TRUE(recent.Take().empty());
  recent.Add(Batch(10, 1));
  EXPECT_EQ(OffsetsOf(recent.Take()), (Offsets{10}));
}

TEST(RecentRecords, KeepsNothingUntilSomebodyTakesIt) {
  RecentRecords recent;
  recent.Add(Batch(0, 3));
  recent.Begin();
  recent.Add(Batch(3, 1));
  EXPECT_EQ(OffsetsOf(recent.Take()), (Offsets{3}));
}

TEST(RecentRecords, NeverHasAGap) {
  RecentRecords recent;
  recent.Begin();
  recent.Add(Batch(0, 2));
  recent.Add(Batch(5, 2));
  recent.Add(Batch(7, 1));
  EXPECT_EQ(OffsetsOf(recent.Take()), (Offsets{5, 6, 7}));
}

TEST(RecentRecords, BeyondItsBoundItBeginsAgain) {
  RecentRecords recent(100 * sizeof(EventItem));
  recent.Begin();
  recent.Add(Batch(0, 1, 60));
  recent.Add(Batch(1, 1, 60));
  EXPECT_EQ(OffsetsOf(recent.Take()), (Offsets{1}));
  recent.Add(Batch(2, 1, 60));
  EXPECT_EQ(OffsetsOf(recent.Take()), (Offsets{2})) << "what was taken has no share in it";
}

}  // namespace
}  // namespace gfr
