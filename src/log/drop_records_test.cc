#include "log/drop_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.h"
#include "base/time.h"
#include "log/event_log.h"

namespace gfr {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000, kYear9999 = 253'370'764'800'000, kNow = kStart + kDayMs;

Event View(const std::string& id, std::int64_t time_ms, const std::string& source = "shop") {
  Event e;
  e.id = id;
  e.source = source;
  e.type = EventType::kItemView;
  e.time_ms = time_ms;
  e.user_id = "u";
  e.items = {{.item_id = "i" + id}};
  return e;
}

Event Slate(const std::string& id, std::int64_t now_ms) {
  Event e = View(id, now_ms);
  e.type = EventType::kFeedRequest;
  e.request_id = id;
  e.served.positions = {{.partition = 0, .offset = 0}};
  e.served.now_ms = now_ms;
  return e;
}

struct TestLog {
  std::unique_ptr<EventLog> Open() {
    return EventLog::Open(fs, clock, {.folder = "log", .segment_bytes = 300}).value();
  }
  // Live, at the clock's time.
  void Append(std::vector<Event> events) { ASSERT_TRUE(Open()->Append(std::move(events)).ok()); }
  Status Import(std::vector<Event> events) {
    std::uint64_t duplicates = 0;
    return Open()->AppendImported(
        std::move(events), [](std::uint64_t) {}, &duplicates);
  }
  Result<DroppedRecords> Drop(const DropCriteria& criteria, bool dry_run = false) {
    LocalLog log(fs, "log");
    return DropRecords(log, criteria, kNow, dry_run, [&](const std::string& name) {
      rewritten.push_back(name);
      return Status();
    });
  }
  std::vector<LogRecord> Read() {
    std::vector<LogRecord> records;
    LocalLog log(fs, "log");
    const auto reader = log.OpenAll().value();
    for (LogRecord r; reader->More(&r).value();) {
      EXPECT_EQ(r.offset, records.size());
      EXPECT_TRUE(records.empty() || r.arrival_ms >= records.back().arrival_ms);
      records.push_back(r);
    }
    return records;
  }
  FaultFileSystem fs{1};
  FixedClock clock{kStart};
  std::vector<std::string> rewritten;
};

TEST(DropRecords, TakesOutWhatIsNamedAndLeavesOffsetsArrivalsAndTheOthersAsTheyWere) {
  TestLog log;
  for (int i = 0; i < 20; ++i) {
    log.clock.Set(kStart + i * kMinuteMs);
    log.Append({View(std::to_string(i), kStart + i * kMinuteMs, i % 4 == 1 ? "bot" : "shop")});
  }
  const auto before = log.Read();
  const auto dropped = log.Drop({.sources = {"bot"}});
  ASSERT_TRUE(dropped.ok()) << dropped.error().message;
  EXPECT_EQ(dropped.value().records, 5u);
  EXPECT_EQ(dropped.value().arrivals, 0u);
  EXPECT_EQ(dropped.value().changed_from, 1u);
  const auto after = log.Read();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].arrival_ms, before[i].arrival_ms);
    EXPECT_EQ(IsDropped(after[i].event), i % 4 == 1);
    if (i % 4 != 1) EXPECT_EQ(after[i].event.id, before[i].event.id);
  }
  EXPECT_EQ(log.Drop({.sources = {"bot"}}).value().records, 0u) << "a second time finds nothing";
  EXPECT_THAT(log.Open()->Append({View("1", kStart, "bot")}).value().results,
              testing::ElementsAre(AppendResult::kAccepted))
      << "what was dropped can be sent again";
}

TEST(DropRecords, CriteriaAreAllToHold) {
  LogRecord r{.offset = 7, .arrival_ms = kStart, .event = View("a", kStart)};
  const auto takes = [&](const DropCriteria& criteria) { return criteria.Takes(r); };
  EXPECT_FALSE(takes({}));
  EXPECT_TRUE(takes({.offsets = {{3, 4}, {7, 8}}}));
  EXPECT_FALSE(takes({.offsets = {{6, 7}}}));
  EXPECT_TRUE(takes({.before_ms = kStart + 1}));
  EXPECT_FALSE(takes({.before_ms = kStart}));
  EXPECT_FALSE(takes({.after_ms = kStart}));
  EXPECT_TRUE(takes({.after_ms = kStart - 1, .types = {EventType::kItemView}, .sources = {"x", "shop"}}));
  EXPECT_FALSE(takes({.types = {EventType::kFeedClick}, .sources = {"shop"}}));
  r.event.type = EventType::kUserDelete;
  EXPECT_FALSE(takes({.offsets = {{7, 8}}})) << "an erasure is only taken back when it is named";
  EXPECT_TRUE(takes({.types = {EventType::kUserDelete}}));
}

// One row of the year 9999 in an import: all that comes later arrives in the year 9999, and the next import is refused.
TEST(DropRecords, ARowOfTheFarFutureGoesAndTheLogIsAsIfItHadNeverCome) {
  TestLog log, clean;
  const std::vector<Event> day{View("a", kStart), View("b", kStart + 1000)};
  ASSERT_TRUE(log.Import({day[0], day[1], View("bad", kYear9999)}).ok());
  ASSERT_TRUE(clean.Import(day).ok());
  for (int i = 0; i < 5; ++i) {
    for (TestLog* of : {&log, &clean}) {
      of->clock.Set(kStart + kHourMs + i * 1000);
      of->Append({View("live" + std::to_string(i), of->clock.now_ms())});
    }
  }
  EXPECT_EQ(log.Read().back().arrival_ms, kYear9999);
  const std::vector<Event> next_day{View("c", kStart + 2 * kHourMs)};
  EXPECT_FALSE(log.Import(next_day).ok());

  const DropCriteria future{.after_ms = kNow};
  const auto planned = log.Drop(future, /*dry_run=*/true);
  EXPECT_EQ(planned.value().records, 1u);
  EXPECT_EQ(planned.value().arrivals, 5u);
  EXPECT_EQ(planned.value().end_before_ms, kYear9999);
  EXPECT_EQ(planned.value().end_ms, kStart + kHourMs + 4000);
  EXPECT_EQ(log.Read().back().arrival_ms, kYear9999) << "a dry run changes nothing";

  ASSERT_TRUE(log.Drop(future).ok());
  const auto mended = log.Read(), never = clean.Read();
  ASSERT_EQ(mended.size(), never.size() + 1);
  for (std::size_t i = 0, k = 0; i < mended.size(); ++i) {
    if (IsDropped(mended[i].event)) continue;
    EXPECT_EQ(mended[i].event.id, never[k].event.id);
    EXPECT_EQ(mended[i].arrival_ms, never[k++].arrival_ms);
  }
  EXPECT_TRUE(log.Import(next_day).ok());
}

TEST(DropRecords, AFutureRowBeforeAllOthersTakesTheArrivalOfTheFirstThatStays) {
  TestLog log;
  ASSERT_TRUE(log.Import({View("bad", kYear9999)}).ok());
  log.clock.Set(kStart + 500);
  log.Append({View("a", kStart)});
  ASSERT_TRUE(log.Drop({.after_ms = kNow}).ok());
  const auto records = log.Read();
  EXPECT_EQ(records[0].arrival_ms, kStart);
  EXPECT_EQ(records[1].arrival_ms, kStart);
  EXPECT_EQ(log.Drop({.types = {EventType::kItemView}}).value().records, 1u);
}

// A clock that was ahead: nothing is dropped, and what arrived meanwhile gets the arrival that it would have had.
TEST(DropRecords, ALogAheadOfTheClockIsRepairedWithoutDroppingAnything) {
  TestLog log;
  log.Append({View("a", kStart), Slate("right", kStart)});
  log.clock.Set(kYear9999);
  log.Append({View("b", kStart + 1000), Slate("wrong", kYear9999)});
  log.clock.Set(kStart + 2000);
  log.Append({View("c", kStart + 2000), Slate("raised", kStart + 3000)});
  EXPECT_EQ(log.Read().back().arrival_ms, kYear9999);
  const auto repaired = log.Drop({});
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_EQ(repaired.value().records, 0u);
  EXPECT_EQ(repaired.value().arrivals, 4u);
  EXPECT_EQ(repaired.value().slates_read_wrong, 2u);
  std::vector<std::int64_t> arrivals;
  for (const LogRecord& r : log.Read()) arrivals.push_back(r.arrival_ms - kStart);
  EXPECT_EQ(arrivals[2], 1000);
  EXPECT_EQ(arrivals[3], 1000) << "its event time was ahead too";
  EXPECT_EQ(arrivals[4], 2000);
  EXPECT_EQ(arrivals[5], 3000);
  const auto records = log.Read();
  EXPECT_TRUE(records[1].event.served.exists());
  EXPECT_FALSE(records[3].event.served.exists());
  EXPECT_EQ(records[3].event.items.size(), 1u) << "what was shown stays";
  EXPECT_FALSE(records[5].event.served.exists());
  EXPECT_FALSE(log.Drop({}).value().any());
}

TEST(DropRecords, SlatesBehindADropAreNotedAsNotToBeVerified) {
  TestLog log;
  log.Append({View("a", kStart), Slate("before", kStart), View("bot", kStart, "bot"), Slate("behind", kStart)});
  LocalLog files(log.fs, "log");
  EXPECT_TRUE(ReadDrops(files).value().empty());
  EXPECT_EQ(log.Drop({.sources = {"bot"}}).value().slates_not_verified, 1u);
  const auto drops = ReadDrops(files).value();
  ASSERT_EQ(drops.size(), 1u);
  EXPECT_EQ(drops[0].begin, 2u);
  EXPECT_EQ(drops[0].end, 4u);
  EXPECT_TRUE(log.Read()[3].event.served.exists());
  std::string bytes = log.fs.ReadAll("log/dropped").value();
  bytes[10] ^= 1;
  ASSERT_TRUE(PublishFile(log.fs, "log/dropped", bytes).ok());
  EXPECT_EQ(ReadDrops(files).error().code, ErrorCode::kCorrupt);
}

TEST(DropRecords, AfterAFaultOrAPowerCutAnywhereTheNextRunEndsWhereOneRunEnds) {
  const auto fill = [](TestLog& log) {
    std::vector<Event> events;
    for (int i = 0; i < 12; ++i)
      events.push_back(View(std::to_string(i), kStart + i * 1000, i % 5 == 2 ? "bot" : "shop"));
    events.push_back(View("bad", kYear9999, "bot"));
    ASSERT_TRUE(log.Import(std::move(events)).ok());
    for (int i = 0; i < 12; ++i) {
      log.clock.Set(kStart + kHourMs + i * 1000);
      log.Append({View("live" + std::to_string(i), log.clock.now_ms(), i % 3 == 0 ? "bot" : "shop")});
    }
  };
  const auto list = [](TestLog& log) {
    std::vector<std::string> records;
    for (const LogRecord& r : log.Read()) records.push_back(r.event.id + " " + std::to_string(r.arrival_ms));
    return records;
  };
  TestLog whole;
  fill(whole);
  ASSERT_TRUE(whole.Drop({.sources = {"bot"}}).ok());
  const auto expected = list(whole);
  ASSERT_GT(whole.rewritten.size(), 3u);
  for (std::int64_t at = 0;; ++at) {
    for (const bool crash : {false, true}) {
      SCOPED_TRACE("operation " + std::to_string(at) + (crash ? ", power cut" : ""));
      TestLog log;
      fill(log);
      log.fs.fail_at = log.fs.operations() + at;
      const bool done = log.Drop({.sources = {"bot"}}).ok();
      log.fs.fail_at = -1;
      if (crash) log.fs.Crash();
      ASSERT_TRUE(log.Drop({.sources = {"bot"}}).ok());
      LocalLog files(log.fs, "log");
      ASSERT_TRUE(CheckLog(files, false).value().bad_at.empty());
      std::vector<std::string> records;
      const auto reader = files.OpenAll().value();
      for (LogRecord r; reader->More(&r).value();) records.push_back(r.event.id + " " + std::to_string(r.arrival_ms));
      ASSERT_EQ(records, expected);
      if (done && crash) {
        EXPECT_GT(at, 15);
        return;
      }
    }
  }
}

}  // namespace
}  // namespace gfr
