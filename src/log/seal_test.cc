#include "log/seal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/test_folder.h"
#include "event/event_codec.h"
#include "log/event_log.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

constexpr std::int64_t kSealedFrom = 1'767'225'600'000;  // 2026-01-01.

// `count` events `every_ms` apart, over segments of about `segment_bytes`.
void WriteSegments(const std::string& folder, int count, std::int64_t every_ms, std::uint64_t segment_bytes) {
  const FixedClock clock(5000);
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder, .segment_bytes = segment_bytes}).value();
  std::vector<Event> events;
  for (int i = 0; i < count; ++i)
    events.push_back({.id = std::to_string(i),
                      .source = "shop",
                      .type = i % 3 == 0 ? EventType::kPurchase : EventType::kItemView,
                      .time_ms = kSealedFrom + i * every_ms,
                      .user_id = i % 5 == 0 ? "" : "u",
                      .session_id = "s",
                      .items = {{.item_id = "a" + std::to_string(i)}, {.item_id = "b"}}});
  std::uint64_t duplicates = 0;
  ASSERT_TRUE(log->AppendImported(
                     std::move(events), [](std::uint64_t) {}, &duplicates)
                  .ok());
}

std::map<std::string, std::string> FilesOf(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files[std::filesystem::relative(entry.path(), folder)] = {std::istreambuf_iterator<char>(in), {}};
  }
  return files;
}

TEST(Seal, SeveralThreadsMakeTheVeryFilesOfOne) {
  const TestFolder folder;
  WriteSegments(folder / "log", 3000, 10'000, 20'000);
  LocalLog log(PosixFileSystem(), folder / "log");
  const int segments = SealSegments(log, folder / "one").value();
  EXPECT_GT(segments, 5);
  EXPECT_EQ(SealSegments(log, folder / "three", 3).value(), segments);
  EXPECT_EQ(SealSegments(log, folder / "three", 3).value(), 0);
  const auto files = FilesOf(folder / "one");
  EXPECT_GT(files.size(), static_cast<std::size_t>(segments)) << "and the marker of the date";
  EXPECT_TRUE(files == FilesOf(folder / "three"));
}

TEST(Seal, ADayOfManyBatchesIsOneFileInLogOrder) {
  const TestFolder folder;
  constexpr int kEvents = 70'000;  // A batch has 65,536.
  WriteSegments(folder / "log", kEvents, 1, 64u << 20);
  LocalLog log(PosixFileSystem(), folder / "log");
  EXPECT_EQ(SealSegments(log, folder / "lake").value(), 1);
  const auto rows =
      OpenParquet(folder / "lake/date=2026-01-01/00000000000000000000-00000000000000070000.parquet").value();
  const auto column = [&](const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(rows->columns(), name) - rows->columns().begin());
  };
  const std::size_t offset = column("log_offset"), user = column("user_id"), type = column("type"),
                    items = column("item_ids"), record = column("record");
  std::vector<Cell> row;
  int n = 0;
  for (; rows->Next(&row).value(); ++n) {
    const std::string number = std::to_string(n);
    ASSERT_EQ(row[offset].text, number);
    ASSERT_EQ(row[user].text, n % 5 == 0 ? "" : "u");
    ASSERT_EQ(row[type].text, n % 3 == 0 ? "purchase" : "item.view");
    ASSERT_EQ(row[items].list, (std::vector<std::string>{"a" + number, "b"}));
    ASSERT_EQ(DecodeEvent(row[record].text).value().items[0].item_id, "a" + number);
  }
  EXPECT_EQ(n, kEvents);
}

}  // namespace
}  // namespace gfr
