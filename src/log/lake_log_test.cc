#include "log/lake_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"
#include "base/test_python.h"
#include "base/time.h"
#include "log/event_log.h"
#include "log/lake_files.h"
#include "log/rewrite_lock.h"
#include "log/seal.h"

namespace gfr {
namespace {

constexpr std::int64_t kLakeFrom = 1'767'225'600'000;  // 2026-01-01.

Event SlateOf(int i) {
  Event e{.id = "r" + std::to_string(i), .source = "gfr", .type = EventType::kFeedRequest, .request_id = "q"};
  e.items = {{.item_id = "a", .index = 1, .channel = "popular", .price = 9.5},
             {.item_id = "b", .index = 0, .properties = {{.name = "colour", .text = "red"}}}};
  e.context = {{.name = "city", .text = "Bonn"}, {.name = "age", .number = 42}};
  e.served.positions = {{0, 7}};
  e.served.now_ms = kLakeFrom + i;
  e.served.feed = "home";
  e.served.models = {{"forest/3", ModelRole::kChampion}};
  e.served.experiments = {{"prices", "low", false}};
  e.served.kept = {0, 1};
  e.served.columns = {{.fingerprint = 5, .crc = 6, .values = {0.5f, 1.5f}}};
  e.served.scored = {0, 1};
  e.served.value = {0.25f, 0.75f};
  e.served.propensity = {1, 0.5f};
  return e;
}

// `count` events, `every_ms` apart, over segments of about `segment_bytes`; every seventh is a slate.
void WriteLakeLog(const std::string& folder, int count, std::int64_t every_ms, std::uint64_t segment_bytes) {
  const FixedClock clock(5000);
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder, .segment_bytes = segment_bytes}).value();
  std::vector<Event> events;
  for (int i = 0; i < count; ++i) {
    Event e = i % 7 == 3 ? SlateOf(i)
                         : Event{.id = std::to_string(i),
                                 .source = "shop",
                                 .type = i % 3 == 0 ? EventType::kPurchase : EventType::kItemView,
                                 .items = {{.item_id = "a" + std::to_string(i)}}};
    e.user_id = "u" + std::to_string(i % 5);
    e.session_id = "s";
    e.time_ms = kLakeFrom + i * every_ms;
    events.push_back(std::move(e));
  }
  std::uint64_t duplicates = 0;
  ASSERT_TRUE(log->AppendImported(
                     std::move(events), [](std::uint64_t) {}, &duplicates)
                  .ok());
}

// Everything that a reader gives: offset, arrival, bytes.
std::vector<std::string> AllOf(EventSource& log, const Positions& from, const ReadOptions& options = {}) {
  std::vector<std::string> all;
  const auto reader = log.Open(from, options);
  if (!reader.ok()) return {reader.error().ToString()};
  for (LogRecord r;;) {
    const auto more = reader.value()->More(&r);
    if (!more.ok()) all.push_back(more.error().ToString());
    if (!more.ok() || !more.value()) return all;
    all.push_back(std::to_string(r.offset) + " " + std::to_string(r.arrival_ms) + " " + r.event.id + " " +
                  std::string(reader.value()->encoded()));
  }
}

std::vector<std::string> ParquetIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".parquet") names.push_back(std::filesystem::relative(entry.path(), folder));
  }
  std::ranges::sort(names);
  return names;
}

TEST(LakeLog, GivesTheRecordsOfTheLogByteForByte) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 600, 10 * kMinuteMs, 3000);
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_GT(SealSegments(log, folder / "lake").value(), 10);
  LakeLog lake(PosixFileSystem(), folder / "lake");
  EXPECT_EQ(lake.Begin().value(), Positions{0});
  EXPECT_EQ(lake.End().value(), Positions{600});
  const auto all = AllOf(log, {0});
  ASSERT_EQ(all.size(), 600u);
  EXPECT_EQ(AllOf(lake, {0}), all);
  EXPECT_EQ(AllOf(lake, {333}), std::vector(all.begin() + 333, all.end()));
  EXPECT_EQ(AllOf(lake, {150}, {.until = Positions{151}}), std::vector(all.begin() + 150, all.begin() + 151));
  const ReadOptions slates{.types = TypeBit(EventType::kFeedRequest)};
  EXPECT_EQ(AllOf(lake, {0}, slates), AllOf(log, {0}, slates));
}

TEST(LakeLog, ADateThatIsOverIsOneFileAndItsMarkerSaysThatItIsWhole) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 600, 10 * kMinuteMs, 3000);  // 144 a day: 2026-01-01 to 05, the last of 24.
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  const auto dates = ReadLake(PosixFileSystem(), folder / "lake").value();
  ASSERT_EQ(dates.size(), 5u);
  for (std::size_t d = 0; d < 4; ++d) {
    EXPECT_TRUE(dates[d].is_complete) << dates[d].date;
    ASSERT_EQ(dates[d].files.size(), 1u);
    EXPECT_EQ(dates[d].files[0].first, d * 144);
    EXPECT_EQ(dates[d].files[0].end, (d + 1) * 144);
  }
  EXPECT_FALSE(dates[4].is_complete);
  EXPECT_GT(dates[4].files.size(), 1u);
  EXPECT_EQ(ParquetIn(folder / "lake").size(), 4 + dates[4].files.size()) << "what was merged is gone";
}

TEST(LakeLog, FilesGrowToTheirBoundAndNoFurther) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 300, 10 * kMinuteMs, 3000);
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(SealSegments(log, folder / "lake", 1, {.small_bytes = 32u << 20, .large_bytes = 40'000}).ok());
  const auto dates = ReadLake(PosixFileSystem(), folder / "lake").value();
  EXPECT_GT(dates[0].files.size(), 1u);
  ASSERT_TRUE(SealSegments(log, folder / "none", 1, {.small_bytes = 0}).ok());
  const auto kept = ReadLake(PosixFileSystem(), folder / "none").value();
  EXPECT_GT(kept[0].files.size(), dates[0].files.size());
  LakeLog lake(PosixFileSystem(), folder / "lake"), none(PosixFileSystem(), folder / "none");
  EXPECT_EQ(AllOf(lake, {0}), AllOf(log, {0}));
  EXPECT_EQ(AllOf(none, {0}), AllOf(log, {0}));
}

TEST(LakeLog, ASegmentTakenOutLeavesItsNeighboursAndIsExportedAgain) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 600, 10 * kMinuteMs, 3000);
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  const auto segments = log.Segments().value();
  const std::string segment = segments[segments.size() / 3];
  const auto before = ParquetIn(folder / "lake");
  const auto listed = UnsealSegment(log, folder / "lake", segment, /*dry_run=*/true).value();
  EXPECT_EQ(listed.size(), 1u);
  EXPECT_EQ(ParquetIn(folder / "lake"), before);
  EXPECT_EQ(UnsealSegment(log, folder / "lake", segment, /*dry_run=*/false).value(), listed);
  LakeLog lake(PosixFileSystem(), folder / "lake");
  EXPECT_THAT(AllOf(lake, {0}).back(), testing::HasSubstr("begins the next one at"));
  EXPECT_EQ(SealSegments(log, folder / "lake").value(), 1);
  EXPECT_EQ(AllOf(lake, {0}), AllOf(log, {0}));
  EXPECT_EQ(ParquetIn(folder / "lake"), before) << "the date is one file again";
}

TEST(LakeLog, WhatACrashLeftIsNoPartOfTheLakeAndIsRemoved) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 100, 10 * kMinuteMs, 3000);
  LocalLog log(PosixFileSystem(), folder / "log");
  const std::string stray = folder / "lake/date=2026-01-01/00000000000000000000-00000000000000000005.parquet";
  std::filesystem::create_directories(folder / "lake/date=2026-01-01");
  std::ofstream(stray) << "half a file";
  EXPECT_TRUE(ReadLake(PosixFileSystem(), folder / "lake").value().empty());
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  EXPECT_FALSE(std::filesystem::exists(stray));
  LakeLog lake(PosixFileSystem(), folder / "lake");
  EXPECT_EQ(AllOf(lake, {0}), AllOf(log, {0}));
}

TEST(LakeLog, AFileThatAMarkerNamesAndABackupMissedIsExportedAgain) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 300, 10 * kMinuteMs, 3000);
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  std::filesystem::remove(folder / ("lake/" + ParquetIn(folder / "lake")[0]));
  EXPECT_GT(SealSegments(log, folder / "lake").value(), 0);
  LakeLog lake(PosixFileSystem(), folder / "lake");
  EXPECT_EQ(AllOf(lake, {0}), AllOf(log, {0}));
}

TEST(LakeLog, FilesAreNotMergedWhileABackupReadsThem) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 300, 10 * kMinuteMs, 3000);
  LocalLog log(PosixFileSystem(), folder / "log");
  {
    const auto lock = LockRewriting(log).value();
    ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
    EXPECT_GT(ReadLake(PosixFileSystem(), folder / "lake").value()[0].files.size(), 1u);
  }
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  EXPECT_EQ(ReadLake(PosixFileSystem(), folder / "lake").value()[0].files.size(), 1u);
}

TEST(LakeLog, ExportsOfOlderVersionsAreMadeAnew) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 100, 10 * kMinuteMs, 3000);
  const std::string stem = "00000000000000000000", old = folder / ("lake/date=2026-01-01/hour=00/" + stem + ".parquet");
  std::filesystem::create_directories(folder / "lake/date=2026-01-01/hour=00");
  std::filesystem::create_directories(folder / "lake/_sealed");
  std::ofstream(old) << "hours, and no records";
  std::ofstream(folder / ("lake/_sealed/" + stem)) << "";
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  EXPECT_FALSE(std::filesystem::exists(old));
  LakeLog lake(PosixFileSystem(), folder / "lake");
  EXPECT_EQ(AllOf(lake, {0}), AllOf(log, {0}));
}

TEST(LakeLog, ReadableColumnsSayWhatTheRecordsSay) {
  const TestFolder folder;
  WriteLakeLog(folder / "log", 10, 10 * kMinuteMs, 64u << 20);
  LocalLog log(PosixFileSystem(), folder / "log");
  ASSERT_TRUE(SealSegments(log, folder / "lake").ok());
  EXPECT_EQ(RunPython(folder,
                      "import pyarrow.dataset as ds\n"
                      "t = ds.dataset('" +
                          (folder / "lake") +
                          "', partitioning='hive').to_table()\n"
                          "r = t.sort_by('log_offset').to_pylist()[3]\n"
                          "for c in ('type', 'item_ids', 'item_positions', 'item_prices', 'item_sources', "
                          "'property_items', 'property_names', 'property_values', 'slate_as_of', 'slate_feed', "
                          "'slate_models', 'slate_experiments', 'slate_propensities', 'slate_values'):\n"
                          "    print(c, r[c])"),
            "type feed.request\nitem_ids ['a', 'b']\nitem_positions [1, 0]\nitem_prices [9.5, None]\n"
            "item_sources ['popular', '']\nproperty_items [-1, -1, 1]\nproperty_names ['city', 'age', 'colour']\n"
            "property_values ['Bonn', '42', 'red']\nslate_as_of 7\nslate_feed home\nslate_models ['forest/3']\n"
            "slate_experiments ['prices=low']\nslate_propensities [1.0, 0.5]\nslate_values [0.25, 0.75]\n");
}

}  // namespace
}  // namespace gfr
