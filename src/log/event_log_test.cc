#include "log/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/fault_file_system.h"
#include "base/test_folder.h"
#include "base/test_python.h"
#include "event/event_codec.h"
#include "log/frame.h"
#include "log/seal.h"

namespace gfr {
namespace {

Event MakeEvent(const std::string& id, std::int64_t time_ms = 1000) {
  Event e;
  e.id = id;
  e.source = "test";
  e.type = EventType::kItemView;
  e.time_ms = time_ms;
  e.user_id = "u";
  e.items = {{.item_id = "i" + id}};
  return e;
}

std::vector<LogRecord> ReadLog(FileSystem& fs, const std::string& folder) {
  std::vector<LogRecord> records;
  LocalLog log(fs, folder);
  const auto reader = log.OpenAll();
  for (LogRecord r; reader.value()->More(&r).value();) records.push_back(r);
  return records;
}

TEST(EventLog, GivesBackWhatItTookInOrder) {
  const TestFolder folder;
  const FixedClock clock(5000);
  {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path(), .segment_bytes = 300});
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(log.value()->Append({MakeEvent(std::to_string(i))}).ok());
  }
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path(), .segment_bytes = 300});
  EXPECT_EQ(log.value()->next_offset(), 50u);
  const auto records = ReadLog(PosixFileSystem(), folder.path());
  ASSERT_EQ(records.size(), 50u);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(records[i].offset, i);
    EXPECT_EQ(records[i].event.id, std::to_string(i));
    EXPECT_EQ(records[i].arrival_ms, 5000);
  }
  EXPECT_GT(PosixFileSystem().List(folder.path()).value().size(), 5u) << "segments were to be rolled";
}

TEST(EventLog, CountsASecondArrivalOfAnIdOnceAlsoAfterARestart) {
  const TestFolder folder;
  const FixedClock clock(5000);
  for (int run = 0; run < 2; ++run) {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
    const auto appended = log.value()->Append({MakeEvent("a"), MakeEvent("a")});
    EXPECT_THAT(
        appended.value().results,
        testing::ElementsAre(run == 0 ? AppendResult::kAccepted : AppendResult::kDuplicate, AppendResult::kDuplicate));
  }
  EXPECT_EQ(ReadLog(PosixFileSystem(), folder.path()).size(), 1u);
}

TEST(EventLog, RefusesEventsOfTheFutureAndKeepsArrivalFromGoingBack) {
  const TestFolder folder;
  FixedClock clock(1'000'000);
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
  const auto appended =
      log.value()->Append({MakeEvent("late", 1'000'000 + 300'001), MakeEvent("edge", 1'000'000 + 300'000)});
  EXPECT_THAT(appended.value().results, testing::ElementsAre(AppendResult::kFutureTime, AppendResult::kAccepted));
  clock.Set(10);
  ASSERT_TRUE(log.value()->Append({MakeEvent("back", 10)}).ok());
  EXPECT_EQ(ReadLog(PosixFileSystem(), folder.path()).back().arrival_ms, 1'000'000);
}

TEST(EventLog, IsOpenedByOneAtATime) {
  const TestFolder folder;
  const FixedClock clock(0);
  const auto first = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
  const auto second = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
}

TEST(EventLog, CutsATornTailAtEveryByte) {
  const FixedClock clock(0);
  const TestFolder whole;
  {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = whole.path()});
    for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(log.value()->Append({MakeEvent(id)}).ok());
  }
  const std::string bytes = PosixFileSystem().ReadAll(whole / SegmentName(0)).value();
  const std::size_t record = (bytes.size() - kSegmentHeaderBytes) / 3;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const TestFolder folder;
    ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / SegmentName(0), bytes.substr(0, cut)).ok());
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
    ASSERT_TRUE(log.ok()) << cut << ": " << log.error().message;
    const std::size_t expected = cut < kSegmentHeaderBytes ? 0 : (cut - kSegmentHeaderBytes) / record;
    EXPECT_EQ(log.value()->next_offset(), expected) << cut;
    ASSERT_TRUE(log.value()->Append({MakeEvent("d")}).ok());
    EXPECT_EQ(ReadLog(PosixFileSystem(), folder.path()).size(), expected + 1) << cut;
  }
}

TEST(EventLog, RefusesABadRecordThatGoodOnesFollowAndRepairCutsThere) {
  const FixedClock clock(0);
  const TestFolder folder;
  {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
    for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(log.value()->Append({MakeEvent(id)}).ok());
  }
  const std::string path = folder / SegmentName(0);
  std::string bytes = PosixFileSystem().ReadAll(path).value();
  const std::size_t record = (bytes.size() - kSegmentHeaderBytes) / 3;
  bytes[kSegmentHeaderBytes + record + 30] ^= 1;
  ASSERT_TRUE(PublishFile(PosixFileSystem(), path, bytes).ok());
  const auto refused = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  LocalLog log(PosixFileSystem(), folder.path());
  EXPECT_FALSE(CheckLog(log, /*repair=*/false).value().bad_at.empty());
  const auto repaired = CheckLog(log, /*repair=*/true);
  EXPECT_EQ(repaired.value().records, 1u);
  EXPECT_EQ(PosixFileSystem().ReadAll(path + ".cut").value(), bytes.substr(kSegmentHeaderBytes + record))
      << "nothing is thrown away";
  EXPECT_EQ(EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()}).value()->next_offset(), 1u);
}

// A whole record of a later event format is the log's last one: an older gfr may not take it for a torn tail.
TEST(EventLog, NeverCutsARecordThatANewerVersionWrote) {
  const FixedClock clock(0);
  FaultFileSystem fs(1);
  const std::string path = JoinPath("log", SegmentName(0));
  std::string event, bytes = SegmentHeader(0);
  AppendRecord(0, 0, MakeEvent("a"), &bytes);
  EncodeEvent(MakeEvent("b"), &event);
  event[0] = 99;
  AppendEncoded(1, 0, event, &bytes);
  ASSERT_TRUE(PublishFile(fs, path, bytes).ok());
  LocalLog log(fs, "log");
  const auto opened = EventLog::Open(fs, clock, {.folder = "log"});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kNeedsNewer);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("newer gfr"));
  EXPECT_EQ(CheckLog(log, /*repair=*/true).error().code, ErrorCode::kNeedsNewer);
  EXPECT_EQ(fs.ReadAll(path).value(), bytes);
  // Also in a compacted segment.
  FramedSegment framed(0);
  framed.Add(0, event);
  ASSERT_TRUE(PublishFile(fs, path, framed.Finish()).ok());
  EXPECT_EQ(EventLog::Open(fs, clock, {.folder = "log"}).error().code, ErrorCode::kNeedsNewer);
  EXPECT_EQ(CheckLog(log, /*repair=*/true).error().code, ErrorCode::kNeedsNewer);
  EXPECT_TRUE(fs.Exists(path));
}

// Fails every write and sync in turn, then cuts the power: what was acknowledged is there, once, in order.
TEST(EventLog, KeepsEverythingAcknowledgedThroughEveryFault) {
  const FixedClock clock(1000);
  std::int64_t faults = 0;
  for (std::int64_t fail_at = 0;; ++fail_at) {
    FaultFileSystem fs(static_cast<std::uint64_t>(fail_at) + 1);
    std::vector<std::string> acknowledged;
    std::set<std::string> sent;
    int next = 0;
    bool fault_reached = false;
    for (int life = 0; life < 4; ++life) {
      fs.fail_at = life == 1 ? fs.operations() + fail_at : -1;
      const auto log = EventLog::Open(fs, clock, {.folder = "log", .segment_bytes = 400});
      if (!log.ok()) {
        ASSERT_EQ(life, 1) << log.error().message;
        fault_reached = true;
        fs.Crash();
        continue;
      }
      for (int i = 0; i < 12; ++i) {
        const std::string id = std::to_string(next++);
        sent.insert(id);
        const auto appended = log.value()->Append({MakeEvent(id), MakeEvent(id + "+")});
        if (!appended.ok()) {
          EXPECT_EQ(appended.error().code, ErrorCode::kUnavailable);
          fault_reached = true;
          break;
        }
        acknowledged.push_back(id);
        acknowledged.push_back(id + "+");
      }
      fs.Crash();
    }
    std::vector<std::string> found;
    std::set<std::string> once;
    const auto reopened = EventLog::Open(fs, clock, {.folder = "log", .segment_bytes = 400});
    ASSERT_TRUE(reopened.ok()) << fail_at << ": " << reopened.error().message;
    for (const LogRecord& r : ReadLog(fs, "log")) {
      EXPECT_TRUE(once.insert(r.event.id).second) << r.event.id << " is there twice";
      EXPECT_EQ(r.offset, once.size() - 1);
      if (std::ranges::count(acknowledged, r.event.id)) found.push_back(r.event.id);
    }
    ASSERT_EQ(found, acknowledged) << "fault " << fail_at;
    if (!fault_reached) break;
    ++faults;
  }
  EXPECT_GT(faults, 20);
}

TEST(EventLog, AcknowledgesFromManyThreadsWhatIsThenThereOnce) {
  const TestFolder folder;
  const WallClock clock;
  {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path(), .segment_bytes = 4000});
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i)
          EXPECT_TRUE(log.value()
                          ->Append({MakeEvent(std::to_string(t) + "-" + std::to_string(i)),
                                    MakeEvent("same" + std::to_string(i))})
                          .ok());
      });
    }
    for (std::thread& t : threads) t.join();
  }
  std::set<std::string> ids;
  for (const LogRecord& r : ReadLog(PosixFileSystem(), folder.path())) EXPECT_TRUE(ids.insert(r.event.id).second);
  EXPECT_EQ(ids.size(), 8u * 50u + 50u);
}

Result<Appended> AppendUntilTaken(EventLog& log, const std::vector<Event>& events, int* failures) {
  for (;;) {
    auto appended = log.Append(events);
    if (appended.ok() || appended.error().code != ErrorCode::kUnavailable) return appended;
    ++*failures;
    WaitUntil(MonotonicMs() + 1);
  }
}

// Fails any one, or any three, of the writes, syncs, cuts and removals: the log mends itself without a restart.
TEST(EventLog, AFailedBatchSentAgainIsAcceptedOnceWhateverFailed) {
  const FixedClock clock(1000);
  for (const std::int64_t count : {1, 3}) {
    int failures = -1;
    std::int64_t fail_at = 0;
    for (; failures != 0; ++fail_at) {
      SCOPED_TRACE(std::to_string(count) + " failures from operation " + std::to_string(fail_at));
      FaultFileSystem fs(static_cast<std::uint64_t>(fail_at) + 1);
      auto log =
          EventLog::Open(fs, clock, {.folder = "log", .segment_bytes = 400, .min_retry_ms = 1, .max_retry_ms = 1})
              .value();
      const auto reader = log->source().OpenAll().value();
      fs.fail_count = count;
      fs.fail_at = fs.operations() + fail_at;
      failures = 0;
      std::vector<std::string> sent, read;
      for (int i = 0; i < 12; ++i) {
        sent.push_back(std::to_string(i));
        sent.push_back(sent.back() + "+");
        const auto appended =
            AppendUntilTaken(*log, {MakeEvent(sent[sent.size() - 2]), MakeEvent(sent.back())}, &failures);
        ASSERT_TRUE(appended.ok()) << appended.error().message;
        EXPECT_THAT(appended.value().results, testing::Each(AppendResult::kAccepted));
        for (LogRecord r; reader->More(&r).value();) read.push_back(r.event.id);
        ASSERT_EQ(read, sent) << "a reader was to see what is on disk, and that alone";
      }
      EXPECT_TRUE(log->healthy());
      EXPECT_EQ(fs.appends_after_failure, 0);
      log.reset();
      fs.fail_at = -1;
      fs.Crash();
      ASSERT_TRUE(EventLog::Open(fs, clock, {.folder = "log"}).ok());
      const auto records = ReadLog(fs, "log");
      ASSERT_EQ(records.size(), sent.size());
      for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(records[i].event.id, sent[i]);
    }
    EXPECT_GT(fail_at, 30);
  }
}

TEST(EventLog, TakesEventsAgainWhenTheFullDiskHasRoom) {
  const FixedClock clock(1000);
  FaultFileSystem fs(1);
  const auto log =
      EventLog::Open(fs, clock, {.folder = "log", .segment_bytes = 400, .min_retry_ms = 1, .max_retry_ms = 1}).value();
  fs.capacity_bytes = 2000;
  std::size_t accepted = 0;
  while (log->Append({MakeEvent(std::to_string(accepted))}).ok()) ++accepted;
  EXPECT_GT(accepted, 10u);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(log->Append({MakeEvent("too many"), MakeEvent("for the disk")}).ok());
  fs.capacity_bytes = SIZE_MAX;
  int failures = 0;
  EXPECT_THAT(AppendUntilTaken(*log, {MakeEvent("too many")}, &failures).value().results,
              testing::ElementsAre(AppendResult::kAccepted));
  EXPECT_EQ(ReadLog(fs, "log").size(), accepted + 1);
}

TEST(EventLog, SaysThatItIsNotHealthyUntilItsSegmentIsCut) {
  const FixedClock clock(1000);
  FaultFileSystem fs(1);
  const auto log = EventLog::Open(fs, clock, {.folder = "log", .min_retry_ms = 1, .max_retry_ms = 1}).value();
  ASSERT_TRUE(log->Append({MakeEvent("a")}).ok());
  EXPECT_TRUE(log->healthy());
  fs.fail_count = INT64_MAX;
  fs.fail_at = fs.operations();
  EXPECT_EQ(log->Append({MakeEvent("b")}).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(log->healthy());
  EXPECT_EQ(log->Append({MakeEvent("b")}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(log->next_offset(), 1u);
  fs.fail_at = -1;
  while (!log->healthy()) WaitUntil(MonotonicMs() + 1);
  EXPECT_EQ(log->Append({MakeEvent("b")}).value().records[0].offset, 1u);
}

// Holds up every sync of a file until it is opened.
class Gate {
 public:
  explicit Gate(FaultFileSystem& fs) {
    fs.before_sync = [this] {
      std::unique_lock lock(mutex_);
      ++arrived_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return open_; });
    };
  }
  void AwaitSync() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ > 0; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int arrived() {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

TEST(EventLog, OneSyncTakesAllThatWasQueuedWhileTheLastOneRan) {
  FaultFileSystem fs(1);
  const FixedClock clock(1000);
  auto log = EventLog::Open(fs, clock, {.folder = "log"}).value();
  ASSERT_TRUE(log->Append({MakeEvent("makes the segment")}).ok());
  Gate gate(fs);
  std::vector<std::uint64_t> offsets;  // As they are acknowledged, by the log's thread.
  const auto note = [&](const Result<Appended>& appended) {
    ASSERT_TRUE(appended.ok());
    for (const LogRecord& r : appended.value().records) offsets.push_back(r.offset);
  };
  log->AppendAsync({MakeEvent("first")}, note);
  gate.AwaitSync();
  for (int i = 0; i < 1000; ++i) log->AppendAsync({MakeEvent(std::to_string(i))}, note);
  EXPECT_EQ(log->next_offset(), 1002u);
  gate.Open();
  log.reset();
  EXPECT_EQ(gate.arrived(), 2);
  ASSERT_EQ(offsets.size(), 1001u);
  EXPECT_TRUE(std::ranges::is_sorted(offsets)) << "batches were to be acknowledged in log order";
  EXPECT_EQ(ReadLog(fs, "log").size(), 1002u);
}

// A killed process leaves bytes in the system's cache. They are answered "duplicate" after the restart, so they must be
// on the disk by then.
TEST(EventLog, WhatAStartFindsIsOnTheDiskBeforeItCountsAsThere) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    FaultFileSystem fs(seed);
    const FixedClock clock(1000);
    {
      const auto log = EventLog::Open(fs, clock, {.folder = "log"}).value();
      ASSERT_TRUE(log->Append({MakeEvent("a")}).ok());
      fs.syncs_lie = true;  // As if the process was killed between the write and its sync.
      ASSERT_TRUE(log->Append({MakeEvent("b")}).ok());
      fs.syncs_lie = false;
    }
    fs.Kill();
    {
      const auto log = EventLog::Open(fs, clock, {.folder = "log"}).value();
      const auto again = log->Append({MakeEvent("b")});
      ASSERT_TRUE(again.ok());
      ASSERT_EQ(again.value().results[0], AppendResult::kDuplicate);
    }
    fs.PowerCut();
    EXPECT_EQ(ReadLog(fs, "log").size(), 2u) << "an acknowledged event is lost; seed " << seed;
  }
}

TEST(EventLog, AcknowledgesADuplicateOnlyWhenWhatItRepeatsIsOnDisk) {
  FaultFileSystem fs(1);
  const FixedClock clock(1000);
  auto log = EventLog::Open(fs, clock, {.folder = "log"}).value();
  Gate gate(fs);
  std::vector<AppendResult> answers;
  const auto note = [&](const Result<Appended>& appended) { answers.push_back(appended.value().results[0]); };
  log->AppendAsync({MakeEvent("a")}, note);
  log->AppendAsync({MakeEvent("a")}, note);
  gate.AwaitSync();
  EXPECT_TRUE(answers.empty());
  gate.Open();
  log.reset();
  EXPECT_THAT(answers, testing::ElementsAre(AppendResult::kAccepted, AppendResult::kDuplicate));
}

TEST(EventLog, WhatWasQueuedBehindAFailedBatchFailsWithIt) {
  FaultFileSystem fs(1);
  const FixedClock clock(1000);
  auto log = EventLog::Open(fs, clock, {.folder = "log", .min_retry_ms = 1, .max_retry_ms = 1}).value();
  ASSERT_TRUE(log->Append({MakeEvent("before")}).ok());
  Gate gate(fs);
  int refused = 0;
  const auto note = [&](const Result<Appended>& appended) { refused += !appended.ok(); };
  log->AppendAsync({MakeEvent("a")}, note);
  gate.AwaitSync();
  log->AppendAsync({MakeEvent("b")}, note);
  log->AppendAsync({MakeEvent("a")}, note);  // A duplicate of what is not on disk yet.
  fs.fail_at = fs.operations();
  gate.Open();
  int failures = 0;
  EXPECT_THAT(AppendUntilTaken(*log, {MakeEvent("b"), MakeEvent("a"), MakeEvent("before")}, &failures).value().results,
              testing::ElementsAre(AppendResult::kAccepted, AppendResult::kAccepted, AppendResult::kDuplicate));
  log.reset();
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(ReadLog(fs, "log").size(), 3u);
}

TEST(EventLog, RefusesWhatItCannotHoldAndTakesItAgainWhenTheDiskHasCaughtUp) {
  FaultFileSystem fs(1);
  const FixedClock clock(1000);
  const auto log = EventLog::Open(fs, clock, {.folder = "log", .max_queued_bytes = 300}).value();
  Gate gate(fs);
  std::mutex mutex;
  std::condition_variable changed;
  int sent = 0, accepted = 0;
  std::optional<Error> refused;
  const auto note = [&](const Result<Appended>& appended) {
    const std::lock_guard lock(mutex);
    if (appended.ok())
      ++accepted;
    else
      refused = appended.error();
    changed.notify_all();
  };
  log->AppendAsync({MakeEvent("0")}, note);
  gate.AwaitSync();
  for (sent = 1; !refused; ++sent) log->AppendAsync({MakeEvent(std::to_string(sent))}, note);
  EXPECT_EQ(refused->code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(log->next_offset(), static_cast<std::uint64_t>(sent) - 1) << "nothing of a refused batch was to be taken";
  gate.Open();
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return accepted == sent - 1; });
  }
  EXPECT_TRUE(log->Append({MakeEvent("after")}).ok());
}

TEST(EventLog, SealsClosedSegmentsOnceAsParquetByDate) {
  const TestFolder folder;
  const FixedClock clock(5000);
  std::uint64_t duplicates = 0;
  const std::string lake = folder / "events";
  {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "log"});
    std::vector<Event> events;
    for (int i = 0; i < 100; ++i) events.push_back(MakeEvent(std::to_string(i), 1'767'225'600'000 + i * 60'000));
    ASSERT_TRUE(log.value()
                    ->AppendImported(
                        std::move(events), [](std::uint64_t) {}, &duplicates)
                    .ok());
  }
  LocalLog source(PosixFileSystem(), folder / "log");
  EXPECT_EQ(SealSegments(source, lake).value(), 1);
  EXPECT_EQ(SealSegments(source, lake).value(), 0) << "what is sealed stays sealed";
  const TestFolder scripts;
  EXPECT_EQ(
      RunPython(scripts, "import pyarrow.dataset as ds\nt = ds.dataset('" + lake +
                             "', partitioning='hive', exclude_invalid_files=False, "
                             "ignore_prefixes=['_']).to_table().sort_by('log_offset')\n"
                             "print(t.num_rows, t['log_offset'].to_pylist() == list(range(100)), "
                             "sorted(set(t['date'].to_pylist())), t['item_ids'][7].as_py(), t['user_id'][3].as_py())"),
      "100 True ['2026-01-01'] ['i7'] u\n");
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "log"});
  EXPECT_EQ(log.value()->next_offset(), 100u);
  EXPECT_EQ(log.value()->last_arrival_ms(), 1'767'225'600'000 + 99 * 60'000);
  EXPECT_EQ(log.value()->Append({MakeEvent("7", 0)}).value().results[0], AppendResult::kDuplicate);
}

TEST(EventLog, RefusesImportedDataOlderThanItsEndAndNamesTheRemedy) {
  const TestFolder folder;
  const FixedClock clock(5000);
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder.path()});
  std::uint64_t duplicates = 0;
  const auto none = [](std::uint64_t) {};
  ASSERT_TRUE(log.value()->AppendImported({MakeEvent("b", 3000), MakeEvent("a", 1000)}, none, &duplicates).ok());
  EXPECT_EQ(ReadLog(PosixFileSystem(), folder.path())[0].event.id, "a") << "sorted by event time";
  const Status refused = log.value()->AppendImported({MakeEvent("c", 2000)}, none, &duplicates);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, testing::HasSubstr("--rebuild"));
}

}  // namespace
}  // namespace gfr
