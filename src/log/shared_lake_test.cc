#include "log/shared_lake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "log/lake_log.h"
#include "log/refill_log.h"
#include "log/seal.h"

namespace gfr {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kSharedFrom = 1'767'225'600'000;  // 2026-01-01.

// A store that counts what is read and written, and of which one object can go away before it is read.
class CountingStore final : public ObjectStore {
 public:
  explicit CountingStore(std::shared_ptr<ObjectStore> of) : of_(std::move(of)) {}
  Result<std::string> Get(const std::string& name) override {
    ++gets;
    if (before_get) before_get(name);
    return of_->Get(name);
  }
  Result<std::vector<std::string>> List(const std::string& folder) override { return of_->List(folder); }
  Status Put(const std::string& name, std::string_view content) override {
    if (writes_left-- <= 0) return Error{ErrorCode::kUnavailable, "the network is away"};
    return of_->Put(name, content);
  }
  Status PutIfAbsent(const std::string& name, std::string_view content) override {
    return of_->PutIfAbsent(name, content);
  }
  Status Remove(const std::string& name) override { return of_->Remove(name); }
  std::string Describe() const override { return of_->Describe(); }

  int gets = 0, writes_left = 1 << 20;
  std::function<void(const std::string&)> before_get;

 private:
  std::shared_ptr<ObjectStore> of_;
};

class SharedLakeTest : public testing::Test {
 protected:
  // `count` events more, ten minutes apart; the log's segments are closed and exported.
  void AddEvents(int count, const std::string& log_folder = "log", const std::string& lake_folder = "lake") {
    const FixedClock clock(kSharedFrom + 400 * kDayMs);
    const auto log = EventLog::Open(fs_, clock, {.folder = folder_ / log_folder, .segment_bytes = 3000}).value();
    std::vector<Event> events;
    for (int i = 0; i < count; ++i) {
      const int n = static_cast<int>(log->next_offset()) + i;
      Event e{.id = log_folder + std::to_string(n), .source = "shop", .type = EventType::kItemView};
      e.time_ms = kSharedFrom + n * 10 * kMinuteMs;
      e.user_id = "u" + std::to_string(n % 5);
      e.items = {{.item_id = "a" + std::to_string(n % 9)}};
      events.push_back(std::move(e));
    }
    std::uint64_t duplicates = 0;
    ASSERT_TRUE(log->AppendImported(
                       std::move(events), [](std::uint64_t) {}, &duplicates)
                    .ok());
    ASSERT_TRUE(SealSegments(log->source(), folder_ / lake_folder).ok());
  }

  static std::vector<std::string> Records(EventSource& source) {
    std::vector<std::string> all;
    const auto reader = source.OpenAll();
    if (!reader.ok()) return {reader.error().ToString()};
    for (LogRecord r;;) {
      const auto more = reader.value()->More(&r);
      if (!more.ok()) all.push_back(more.error().ToString());
      if (!more.ok() || !more.value()) return all;
      all.push_back(std::to_string(r.offset) + " " + std::to_string(r.arrival_ms) + " " +
                    std::string(reader.value()->encoded()));
    }
  }
  std::vector<std::string> InLake(const std::string& name) {
    LakeLog lake(fs_, folder_ / name);
    return Records(lake);
  }

  const TestFolder folder_;
  FileSystem& fs_ = PosixFileSystem();
  const std::shared_ptr<ObjectStore> objects_ = LocalObjectStore(fs_, folder_ / "store");
  CountingStore store_{objects_};
};

TEST_F(SharedLakeTest, WhatIsFetchedIsWhatWasPushedByteForByteAndALogIsMadeOfIt) {
  AddEvents(500);
  const LakeCopied sent = PushLake(fs_, folder_ / "lake", store_).value();
  EXPECT_EQ(sent.dates, 4u);
  EXPECT_GE(sent.files, 4u);
  EXPECT_EQ(FetchLake(fs_, folder_ / "there", store_).value().files, sent.files);
  ASSERT_EQ(InLake("there").size(), 500u);
  EXPECT_EQ(InLake("there"), InLake("lake"));
  LakeLog lake(fs_, folder_ / "there");
  ASSERT_TRUE(fs_.MakeFolders(folder_ / "made").ok());
  EXPECT_EQ(RefillLog(lake, fs_, folder_ / "made").value(), 500u);
  LocalLog made(fs_, folder_ / "made"), log(fs_, folder_ / "log");
  EXPECT_EQ(Records(made), Records(log));
}

TEST_F(SharedLakeTest, OnlyWhatIsNewIsSentAndFetched) {
  AddEvents(300);
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  ASSERT_TRUE(FetchLake(fs_, folder_ / "there", store_).ok());
  const int before = store_.gets;
  EXPECT_EQ(PushLake(fs_, folder_ / "lake", store_).value().dates, 0u);
  EXPECT_EQ(store_.gets, before) << "nothing was asked";
  EXPECT_EQ(FetchLake(fs_, folder_ / "there", store_).value().files, 0u);
  AddEvents(300);
  const LakeCopied sent = PushLake(fs_, folder_ / "lake", store_).value();
  EXPECT_EQ(sent.dates, 3u) << "the third of January goes on, and two days are new";
  EXPECT_LE(FetchLake(fs_, folder_ / "there", store_).value().files, sent.files);
  EXPECT_EQ(InLake("there"), InLake("lake"));
  ASSERT_EQ(InLake("there").size(), 600u);
}

TEST_F(SharedLakeTest, APushThatIsCutOffGoesOnAndShowsNothingHalfInBetween) {
  AddEvents(500);
  for (store_.writes_left = 1;; store_.writes_left += 1) {
    const int writes = store_.writes_left;
    const auto pushed = PushLake(fs_, folder_ / "lake", store_);
    ASSERT_TRUE(FetchLake(fs_, folder_ / "there", store_).ok());
    const auto all = InLake("lake"), fetched = InLake("there");
    ASSERT_EQ(fetched, std::vector(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(fetched.size())));
    if (pushed.ok()) break;
    ASSERT_LT(writes, 100);
    store_.writes_left = writes;
  }
  EXPECT_EQ(InLake("there").size(), 500u);
}

TEST_F(SharedLakeTest, WhatIsTakenOutOfTheLakeIsTakenOutOfTheStore) {
  AddEvents(500);
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  const auto before = objects_->List("events/date=2026-01-01").value();
  LocalLog log(fs_, folder_ / "log");
  const std::string first = log.Segments().value().front();
  ASSERT_TRUE(UnsealSegment(log, folder_ / "lake", first, /*dry_run=*/false).ok());
  ASSERT_TRUE(SealSegments(log, folder_ / "lake").ok());
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  // The date's one file was rewritten: what it consisted of is gone once nothing names it.
  const auto after = objects_->List("events/date=2026-01-01").value();
  ASSERT_TRUE(FetchLake(fs_, folder_ / "there", store_).ok());
  EXPECT_EQ(InLake("there"), InLake("lake"));
  std::size_t files = 0;
  for (const LakeDate& date : ReadLake(fs_, folder_ / "lake").value()) {
    if (date.date == "2026-01-01") files = date.files.size();
  }
  EXPECT_EQ(after.size(), files + 1) << "and the marker; before: " << before.size();
}

TEST_F(SharedLakeTest, FilesOfTheSameNamesWithOtherRecordsAreSentAgain) {
  AddEvents(300);
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  const LakeDate date = ReadLake(fs_, folder_ / "lake").value().front();
  const std::string path = date.path(folder_ / "lake", date.files.front());
  const std::string content = fs_.ReadAll(path).value();
  ASSERT_TRUE(ForgetPushed(fs_, folder_ / "lake", date).ok());
  ASSERT_TRUE(PublishFile(fs_, path, content + "x").ok());
  EXPECT_EQ(PushLake(fs_, folder_ / "lake", store_).value().files, 1u);
  ASSERT_TRUE(FetchLake(fs_, folder_ / "there", store_).ok());
  EXPECT_EQ(fs_.ReadAll(date.path(folder_ / "there", date.files.front())).value(), content + "x");
}

TEST_F(SharedLakeTest, AnotherLogAndAnotherMachineAreRefused) {
  AddEvents(300);
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  AddEvents(300, "other", "other-lake");
  const auto other = PushLake(fs_, folder_ / "other-lake", store_);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(other.error().message, HasSubstr("the lake of another log"));
  // Two machines with one log, which both go on.
  ASSERT_TRUE(FetchLake(fs_, folder_ / "twin-lake", store_).ok());
  LakeLog lake(fs_, folder_ / "twin-lake");
  ASSERT_TRUE(fs_.MakeFolders(folder_ / "twin").ok());
  ASSERT_TRUE(RefillLog(lake, fs_, folder_ / "twin").ok());
  AddEvents(200);
  AddEvents(100, "twin", "twin-lake");
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  const auto twin = PushLake(fs_, folder_ / "twin-lake", store_);
  ASSERT_FALSE(twin.ok());
  EXPECT_THAT(twin.error().message, HasSubstr("one machine may write it"));
}

TEST_F(SharedLakeTest, AFileThatIsReplacedWhileItIsFetchedIsTakenFromTheNewMarker) {
  AddEvents(300);
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  bool replaced = false;
  store_.before_get = [&](const std::string& name) {
    if (!name.ends_with(".parquet") || std::exchange(replaced, true)) return;
    LocalLog log(fs_, folder_ / "log");
    ASSERT_TRUE(UnsealSegment(log, folder_ / "lake", log.Segments().value()[1], /*dry_run=*/false).ok());
    ASSERT_TRUE(SealSegments(log, folder_ / "lake").ok());
    ASSERT_TRUE(PushLake(fs_, folder_ / "lake", *objects_).ok());
  };
  const auto fetched = FetchLake(fs_, folder_ / "there", store_);
  ASSERT_TRUE(fetched.ok()) << fetched.error().ToString();
  EXPECT_TRUE(replaced);
  EXPECT_EQ(InLake("there"), InLake("lake"));
}

TEST_F(SharedLakeTest, AMarkerOrAFileThatIsNotWhatWasWrittenIsRefused) {
  AddEvents(200);
  ASSERT_TRUE(PushLake(fs_, folder_ / "lake", store_).ok());
  const std::string date = "events/date=2026-01-01/", marker = objects_->Get(date + "_commit.json").value();
  const auto refuses = [&](const std::string& text) {
    EXPECT_TRUE(objects_->Put(date + "_commit.json", text).ok());
    const auto fetched = FetchLake(fs_, folder_ / "bad", store_);
    return fetched.ok() ? std::string("fetched") : fetched.error().message;
  };
  std::string elsewhere = marker;
  elsewhere.replace(elsewhere.find("\"name\": \"") + 9, 5, "../..");
  EXPECT_THAT(refuses(elsewhere), HasSubstr("no commit marker"));
  EXPECT_THAT(refuses("{}"), HasSubstr("no commit marker"));
  EXPECT_THAT(refuses(R"({"format": 3, "files": []})"), HasSubstr("newer gfr"));
  EXPECT_EQ(refuses(marker), "fetched");
  for (const std::string& name : objects_->List("events/date=2026-01-01").value()) {
    if (!name.ends_with(".parquet")) continue;
    ASSERT_TRUE(objects_->Put(date + name, "PAR1").ok());
  }
  const auto fetched = FetchLake(fs_, folder_ / "bad2", store_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(InLake("bad2"), IsEmpty());
}

}  // namespace
}  // namespace gfr
