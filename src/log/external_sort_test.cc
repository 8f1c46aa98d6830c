#include "log/external_sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/fault_file_system.h"

namespace gfr {
namespace {

struct Row {
  SortKey key;
  std::string bytes;
  bool operator==(const Row&) const = default;
};

// Few keys, so that many are equal; bytes of any length, some longer than the memory.
std::vector<Row> RandomRows(Rng& rng, std::size_t count) {
  std::vector<Row> rows(count);
  for (Row& row : rows) {
    row.key = {static_cast<std::int64_t>(rng.Below(50)) - 25, rng.Below(3)};
    const std::size_t size = rng.Chance(0.001) ? 5000 : rng.Below(60);
    for (std::size_t i = 0; i < size; ++i) row.bytes += static_cast<char>(rng.Below(256));
  }
  return rows;
}

Result<std::vector<Row>> Sorted(FileSystem& fs, const std::vector<Row>& rows, std::size_t memory_bytes, int* runs) {
  ExternalSort sort(fs, "scratch", memory_bytes);
  for (const Row& row : rows) GFR_TRY(sort.Add(row.key, row.bytes));
  GFR_TRY(sort.Sort());
  std::vector<Row> sorted;
  for (;;) {
    SortKey key;
    std::string_view bytes;
    GFR_ASSIGN(const bool more, sort.Next(&key, &bytes));
    if (!more) break;
    sorted.push_back({key, std::string(bytes)});
  }
  *runs = sort.runs();
  return sorted;
}

TEST(ExternalSort, GivesWhatAStableSortInMemoryGivesWithAnyMemory) {
  Rng rng(7);
  for (const std::size_t count : {0u, 1u, 2u, 100u, 3000u}) {
    const std::vector<Row> rows = RandomRows(rng, count);
    std::vector<Row> expected = rows;
    std::ranges::stable_sort(expected, {}, &Row::key);
    for (const std::size_t memory : {0u, 1u, 600u, 4096u, 40'000u, 1u << 30}) {
      SCOPED_TRACE(std::to_string(count) + " rows in " + std::to_string(memory) + " bytes");
      FaultFileSystem fs(1);
      int runs = 0;
      const auto sorted = Sorted(fs, rows, memory, &runs);
      ASSERT_TRUE(sorted.ok()) << sorted.error().message;
      EXPECT_EQ(sorted.value(), expected);
      if (count == 3000) {
        EXPECT_EQ(runs > 0, memory < 100'000);
      }
      EXPECT_TRUE(fs.List("scratch").value().empty()) << "nothing was to be left";
    }
  }
}

TEST(ExternalSort, SaysThatADiskFailed) {
  Rng rng(7);
  const std::vector<Row> rows = RandomRows(rng, 300);
  for (std::int64_t at = 0;; ++at) {
    FaultFileSystem fs(1);
    fs.fail_at = at;
    int runs = 0;
    const auto sorted = Sorted(fs, rows, 1000, &runs);
    if (sorted.ok() && fs.operations() <= at) {
      EXPECT_GT(at, 5);
      return;
    }
    if (!sorted.ok()) {
      EXPECT_EQ(sorted.error().code, ErrorCode::kUnavailable);
    }
    if (at > 10'000) FAIL();
  }
}

}  // namespace
}  // namespace gfr
