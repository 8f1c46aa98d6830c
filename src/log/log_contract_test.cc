// What EventSource and EventSink promise, for each log that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/fault_file_system.h"
#include "event/event_codec.h"
#include "log/distinct_events.h"
#include "log/event_log.h"
#include "log/memory_log.h"

namespace gfr {
namespace {

Event View(const std::string& id, const std::string& user = "u", EventType type = EventType::kItemView) {
  Event e;
  e.id = id;
  e.source = "test";
  e.type = type;
  e.time_ms = 1000;
  e.user_id = user;
  e.items = {{.item_id = "item of " + id}};
  return e;
}

struct LocalFixture {
  explicit LocalFixture(const Clock& clock)
      : log(EventLog::Open(fs, clock, {.folder = "log", .segment_bytes = 500}).value()) {}
  EventSink& sink() { return *log; }
  EventSource& source() { return log->source(); }
  FaultFileSystem fs{1};
  std::unique_ptr<EventLog> log;
};

// Read by another process: it sees the files alone.
struct LocalFilesFixture {
  explicit LocalFilesFixture(const Clock& clock) : written(clock), files(written.fs, "log") {}
  EventSink& sink() { return *written.log; }
  EventSource& source() { return files; }
  LocalFixture written;
  LocalLog files;
};

template <int partitions>
struct MemoryFixture {
  explicit MemoryFixture(const Clock& clock) : log(clock, {.partitions = partitions}) {}
  EventSink& sink() { return log; }
  EventSource& source() { return log; }
  MemoryLog log;
};

// One that takes duplicates, read by the rule of those that refuse them.
template <int partitions>
struct DistinctFixture {
  explicit DistinctFixture(const Clock& clock)
      : log(clock, {.partitions = partitions, .refuses_duplicates = false}), distinct(log) {}
  EventSink& sink() { return log; }
  EventSource& source() { return distinct; }
  MemoryLog log;
  DistinctEvents distinct;
};

template <typename Fixture>
class LogContract : public testing::Test {
 protected:
  std::vector<std::string> Ids(EventReader& reader) {
    std::vector<std::string> ids;
    for (LogRecord r; reader.More(&r).value();) ids.push_back(r.event.id);
    return ids;
  }
  void Append(int from, int to) {
    for (int i = from; i < to; ++i) ASSERT_TRUE(sink_.Append({View(std::to_string(i), UserOf(i))}).ok());
  }
  static std::string UserOf(int i) { return "user " + std::to_string(i % 7); }

  FixedClock clock_{1000};
  Fixture fixture_{clock_};
  EventSink& sink_ = fixture_.sink();
  EventSource& source_ = fixture_.source();
};

using Logs = testing::Types<LocalFixture, LocalFilesFixture, MemoryFixture<1>, MemoryFixture<3>, DistinctFixture<1>,
                            DistinctFixture<3>>;
TYPED_TEST_SUITE(LogContract, Logs);

TYPED_TEST(LogContract, GivesBackEachAcceptedRecordAtThePositionThatItWasGiven) {
  std::map<std::pair<int, std::uint64_t>, std::string> placed;
  for (int i = 0; i < 40; ++i) {
    this->clock_.Set(1000 + i);
    const auto appended = this->sink_.Append({View(std::to_string(i), this->UserOf(i)), View(std::to_string(i) + "+")});
    ASSERT_TRUE(appended.ok());
    const Appended& a = appended.value();
    ASSERT_EQ(a.records.size(), 2u);
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(a.records[k].arrival_ms, 1000 + i);
      placed[{a.partitions.empty() ? 0 : a.partitions[k], a.records[k].offset}] = a.records[k].event.id;
    }
  }
  EXPECT_EQ(placed.size(), 80u);
  Positions next = this->source_.Begin().value();
  std::int64_t arrival_ms = 0;
  std::map<std::string, int> partition_of;
  const auto reader = this->source_.OpenAll().value();
  for (LogRecord r; reader->More(&r).value();) {
    const int partition = reader->partition();
    EXPECT_EQ(r.offset, next[static_cast<std::size_t>(partition)]++) << "offsets were to be consecutive";
    EXPECT_EQ((placed[{partition, r.offset}]), r.event.id);
    EXPECT_GE(r.arrival_ms, arrival_ms);
    arrival_ms = r.arrival_ms;
    EXPECT_EQ(partition_of.try_emplace(r.event.user_id, partition).first->second, partition)
        << "a user was to lie in one partition";
    EXPECT_EQ(DecodeEvent(reader->encoded()).value().id, r.event.id);
  }
  EXPECT_EQ(next, this->source_.End().value());
}

TYPED_TEST(LogContract, TakesAnIdOnceAndNothingOfTheFuture) {
  Event ahead = View("ahead");
  ahead.time_ms = this->clock_.now_ms() + 300'001;
  const auto first = this->sink_.Append({View("a"), ahead, View("a")});
  const auto again = this->sink_.Append({View("a")});
  EXPECT_EQ(first.value().results[1], AppendResult::kFutureTime);
  if constexpr (!std::is_same_v<TypeParam, DistinctFixture<1>> && !std::is_same_v<TypeParam, DistinctFixture<3>>) {
    EXPECT_THAT(first.value().results,
                testing::ElementsAre(AppendResult::kAccepted, AppendResult::kFutureTime, AppendResult::kDuplicate));
    EXPECT_THAT(again.value().results, testing::ElementsAre(AppendResult::kDuplicate));
  }
  const auto reader = this->source_.OpenAll().value();
  EXPECT_THAT(this->Ids(*reader), testing::ElementsAre("a"));
}

TYPED_TEST(LogContract, ArrivalNeverGoesBack) {
  ASSERT_TRUE(this->sink_.Append({View("a")}).ok());
  this->clock_.Set(10);
  EXPECT_EQ(this->sink_.Append({View("b")}).value().records[0].arrival_ms, 1000);
}

TYPED_TEST(LogContract, AReaderGoesOnWhereItStoodWhenMoreComes) {
  const auto reader = this->source_.OpenAll().value();
  LogRecord r;
  EXPECT_EQ(reader->Next(&r).value(), ReadState::kNotYet);
  this->Append(0, 30);
  EXPECT_EQ(this->Ids(*reader).size(), 30u);
  EXPECT_EQ(reader->Next(&r).value(), ReadState::kNotYet);
  this->Append(30, 31);
  ASSERT_EQ(reader->Next(&r).value(), ReadState::kRecord);
  EXPECT_EQ(r.event.id, "30");
}

TYPED_TEST(LogContract, ReadsFromAnyPositionUpToAnyOther) {
  this->Append(0, 30);
  const Positions middle = this->source_.End().value();
  this->Append(30, 50);
  const auto behind = this->source_.Open(middle).value();
  EXPECT_EQ(this->Ids(*behind).size(), 20u);
  const auto before = this->source_.Open(this->source_.Begin().value(), {.until = middle}).value();
  EXPECT_EQ(this->Ids(*before).size(), 30u);
  LogRecord r;
  EXPECT_EQ(before->Next(&r).value(), ReadState::kEnd);
  const auto nothing = this->source_.Open(middle, {.until = middle}).value();
  EXPECT_EQ(nothing->Next(&r).value(), ReadState::kEnd);
}

TYPED_TEST(LogContract, TwoReadsUpToOneEndGiveOneOrder) {
  this->Append(0, 60);
  const Positions end = this->source_.End().value();
  const auto ids = [&] {
    return this->Ids(*this->source_.Open(this->source_.Begin().value(), {.until = end}).value());
  };
  const auto first = ids();
  this->Append(60, 70);
  EXPECT_EQ(ids(), first);
}

TYPED_TEST(LogContract, PassesOverTypesThatWereNotAskedFor) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(this->sink_
                    .Append({View(std::to_string(i), "u", EventType::kItemView),
                             View("click " + std::to_string(i), "v", EventType::kFeedClick)})
                    .ok());
  }
  int clicks = 0;
  ASSERT_TRUE(ForEachRecord(this->source_, TypeBit(EventType::kFeedClick), [&](const LogRecord& r) {
                EXPECT_EQ(r.event.id, "click " + std::to_string(clicks++));
                return Status();
              }).ok());
  EXPECT_EQ(clicks, 20);
}

TYPED_TEST(LogContract, WaitsForTheNextRecordUntilItsDeadline) {
  this->Append(0, 3);
  const auto reader = this->source_.OpenAll().value();
  EXPECT_EQ(this->Ids(*reader).size(), 3u);
  EXPECT_FALSE(reader->WaitFor(MonotonicMs() + 1));
  std::optional<Thread> writer;
  writer.emplace("writer", [&] { this->Append(3, 4); });
  EXPECT_TRUE(reader->WaitFor(kNoDeadline));
  LogRecord r;
  while (reader->Next(&r).value() != ReadState::kRecord) EXPECT_TRUE(reader->WaitFor(kNoDeadline));
  EXPECT_EQ(r.event.id, "3");
}

// The same batches, many with events that were sent before, some more than a day ago: what a log that takes them all is
// read as is what one that refuses them holds, from whatever place, and of whatever types.
TEST(DistinctEvents, GivesWhatALogHoldsThatRefusesDuplicates) {
  for (const int partitions : {1, 3}) {
    FixedClock clock(1'700'000'000'000);
    MemoryLog refusing(clock, {.partitions = partitions});
    MemoryLog taking(clock, {.partitions = partitions, .refuses_duplicates = false});
    DistinctEvents distinct(taking);
    Rng rng(7);
    Positions middle;
    for (int b = 0; b < 300; ++b) {
      clock.Set(clock.now_ms() + static_cast<std::int64_t>(rng.Below(20)) * 60'000);
      std::vector<Event> batch;
      for (int i = 0; i < 5; ++i) {
        const std::uint64_t id = rng.Below(400);
        batch.push_back(View(std::to_string(id), "user " + std::to_string(id % 7),
                             id % 2 == 0 ? EventType::kFeedClick : EventType::kItemView));
      }
      ASSERT_TRUE(refusing.Append(batch).ok());
      ASSERT_TRUE(taking.Append(batch).ok());
      if (b == 150) middle = taking.End().value();
    }
    using Seen = std::vector<std::pair<std::int64_t, std::string>>;
    const auto read = [](EventSource& log, const Positions& from, std::uint32_t types) {
      std::vector<Seen> seen(from.size());
      const auto reader = log.Open(from, {.types = types}).value();
      for (LogRecord r; reader->More(&r).value();)
        seen[static_cast<std::size_t>(reader->partition())].push_back({r.arrival_ms, r.event.id});
      return seen;
    };
    const auto all = read(refusing, refusing.Begin().value(), kEveryType);
    EXPECT_LT(refusing.End().value()[0], taking.End().value()[0]) << "there were to be duplicates";
    EXPECT_EQ(read(distinct, distinct.Begin().value(), kEveryType), all);
    EXPECT_EQ(read(distinct, distinct.Begin().value(), TypeBit(EventType::kFeedClick)),
              read(refusing, refusing.Begin().value(), TypeBit(EventType::kFeedClick)));
    const auto rest = read(distinct, middle, kEveryType);
    for (std::size_t p = 0; p < rest.size(); ++p) {
      ASSERT_LT(rest[p].size(), all[p].size());
      EXPECT_TRUE(std::equal(rest[p].rbegin(), rest[p].rend(), all[p].rbegin())) << "the end was to be the same";
    }
  }
}

}  // namespace
}  // namespace gfr
