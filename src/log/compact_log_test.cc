#include "log/compact_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fault_file_system.h"
#include "event/event_codec.h"
#include "log/erase_user.h"
#include "log/event_log.h"
#include "log/frame.h"

namespace gfr {
namespace {

constexpr char kFolder[] = "log";

Event View(int i, std::size_t text_bytes = 0) {
  Event e;
  e.id = std::to_string(i);
  e.source = "test";
  e.type = i % 3 == 0 ? EventType::kFeedClick : EventType::kItemView;
  e.time_ms = 1000 + i;
  e.user_id = "user-" + std::to_string(i % 5);
  e.items = {{.item_id = "item " + e.id}};
  Rng rng(static_cast<std::uint64_t>(i));
  for (std::size_t k = 0; k < text_bytes; ++k) e.kind += static_cast<char>('a' + rng.Below(26));
  return e;
}

void Fill(FileSystem& fs, int events, std::uint64_t segment_bytes, std::size_t text_bytes = 0) {
  FixedClock clock(1000);
  const auto log = EventLog::Open(fs, clock, {.folder = kFolder, .segment_bytes = segment_bytes}).value();
  for (int i = 0; i < events; ++i) {
    clock.Set(1000 + i * 10);
    ASSERT_TRUE(log->Append({View(i, text_bytes)}).ok());
  }
}

struct Kept {
  std::uint64_t offset;
  std::int64_t arrival_ms;
  std::string event;
  bool operator==(const Kept&) const = default;
};

Result<std::vector<Kept>> Read(FileSystem& fs, std::uint64_t from = 0) {
  std::vector<Kept> records;
  GFR_ASSIGN(const auto reader, LocalLog(fs, kFolder).Open({from}));
  for (LogRecord r;;) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) return records;
    records.push_back({r.offset, r.arrival_ms, std::string(reader->encoded())});
  }
}

Result<Compacted> Compact(FileSystem& fs) {
  LocalLog log(fs, kFolder);
  return CompactLog(log, [](std::uint64_t) {});
}

TEST(CompactLog, KeepsEveryRecordAndItsPositionInFewerBytes) {
  FaultFileSystem fs(1);
  Fill(fs, 500, 4000);
  const auto before = Read(fs).value();
  const auto done = Compact(fs);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_GT(done.value().segments, 5);
  EXPECT_LT(done.value().bytes_after, done.value().bytes_before / 2);
  EXPECT_EQ(Read(fs).value(), before);
  EXPECT_EQ(Compact(fs).value().segments, 0) << "what is compacted stays as it is";
  // The log goes on, and knows what it has.
  const FixedClock clock(9000);
  const auto log = EventLog::Open(fs, clock, {.folder = kFolder}).value();
  EXPECT_THAT(log->Append({View(3), View(500)}).value().results,
              testing::ElementsAre(AppendResult::kDuplicate, AppendResult::kAccepted));
  LocalLog source(fs, kFolder);
  EXPECT_TRUE(CheckLog(source, /*repair=*/false).value().bad_at.empty());
}

TEST(CompactLog, FindsEveryOffsetAlsoInSegmentsOfManyFrames) {
  FaultFileSystem fs(1);
  Fill(fs, 40, 5u << 20, 300'000);
  const auto before = Read(fs).value();
  ASSERT_EQ(Compact(fs).value().segments, 2);
  for (std::uint64_t from = 0; from <= 40; ++from) {
    const auto rest = Read(fs, from).value();
    ASSERT_EQ(rest.size(), 40 - from);
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), before.begin() + static_cast<std::ptrdiff_t>(from)));
  }
}

TEST(CompactLog, AClosedSegmentThatIsCutFlippedOrMissingIsNoticed) {
  FaultFileSystem fs(1);
  Fill(fs, 200, 4000);
  ASSERT_TRUE(Compact(fs).ok());
  LocalLog log(fs, kFolder);
  const auto segments = log.Segments().value();
  const std::string path = JoinPath(kFolder, segments[1]), bytes = fs.ReadAll(path).value();
  const auto noticed = [&](const std::string& changed) {
    ASSERT_TRUE(PublishFile(fs, path, changed).ok());
    const auto read = Read(fs);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt) << read.error().message;
    EXPECT_FALSE(CheckLog(log, /*repair=*/false).value().bad_at.empty());
  };
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    SCOPED_TRACE("byte " + std::to_string(at));
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    noticed(flipped);
    noticed(bytes.substr(0, at));
  }
  ASSERT_TRUE(fs.Remove(path).ok());
  EXPECT_EQ(Read(fs).error().code, ErrorCode::kCorrupt);
}

TEST(CompactLog, RepairKeepsTheFramesBeforeTheBadOne) {
  FaultFileSystem fs(1);
  Fill(fs, 40, 5u << 20, 300'000);
  ASSERT_TRUE(Compact(fs).ok());
  LocalLog log(fs, kFolder);
  const auto before = Read(fs).value();
  const std::string path = JoinPath(kFolder, log.Segments().value()[0]);
  std::string bytes = fs.ReadAll(path).value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(PublishFile(fs, path, bytes).ok());
  ASSERT_TRUE(PublishFile(fs, path + ".cut", "of a start before").ok());
  const LogCheck repaired = CheckLog(log, /*repair=*/true).value();
  EXPECT_GT(repaired.records, 3u);
  EXPECT_LT(repaired.records, 15u);
  EXPECT_EQ(fs.ReadAll(path + ".cut").value(), "of a start before") << "what was kept stays";
  EXPECT_TRUE(fs.Exists(path + ".2.cut"));
  const auto after = Read(fs).value();
  ASSERT_EQ(after.size(), repaired.records);
  EXPECT_TRUE(std::equal(after.begin(), after.end(), before.begin()));
  const FixedClock clock(9000);
  EXPECT_EQ(EventLog::Open(fs, clock, {.folder = kFolder}).value()->next_offset(), repaired.records);
}

TEST(CompactLog, AfterAFaultOrAPowerCutAnywhereTheLogIsWholeAndTheNextRunGoesOn) {
  for (std::int64_t at = 0;; ++at) {
    for (const bool crash : {false, true}) {
      SCOPED_TRACE("operation " + std::to_string(at) + (crash ? ", power cut" : ""));
      FaultFileSystem fs(static_cast<std::uint64_t>(at) + 1);
      Fill(fs, 120, 1500);
      const auto before = Read(fs).value();
      fs.fail_at = fs.operations() + at;
      const bool done = Compact(fs).ok();
      fs.fail_at = -1;
      if (crash) fs.Crash();
      ASSERT_EQ(Read(fs).value(), before);
      ASSERT_TRUE(Compact(fs).ok());
      ASSERT_EQ(Read(fs).value(), before);
      if (done && crash) {
        EXPECT_GT(at, 10);
        return;
      }
    }
  }
}

// tests/corpus/segment/log.bin was written by format 1, and cut within its tenth record.
TEST(CompactLog, ASegmentOfFormat1IsReadAndCompactedForEver) {
  FaultFileSystem fs(1);
  const std::string golden =
      PosixFileSystem().ReadAll(std::string(GFR_SOURCE_DIR) + "/tests/corpus/segment/log.bin").value();
  ASSERT_TRUE(PublishFile(fs, JoinPath(kFolder, SegmentName(0)), golden).ok());
  const FixedClock clock(1541548990000);
  {
    const auto log = EventLog::Open(fs, clock, {.folder = kFolder, .segment_bytes = 2000}).value();
    EXPECT_EQ(log->next_offset(), 9u);
    ASSERT_TRUE(log->Append({View(1)}).ok());
  }
  const auto before = Read(fs).value();
  ASSERT_EQ(before.size(), 10u);
  EXPECT_EQ(before[0].arrival_ms, 1541548939000);
  EXPECT_EQ(DecodeEvent(before[0].event).value().id, "b008ec2fc4a7a/1/3218/item.view");
  EXPECT_EQ(Compact(fs).value().segments, 1);
  EXPECT_EQ(Read(fs).value(), before);
}

TEST(CompactLog, GoesOnBesideAWriterAndItsReaders) {
  FaultFileSystem fs(1);
  FixedClock clock(1000);
  const auto log = EventLog::Open(fs, clock, {.folder = kFolder, .segment_bytes = 1500}).value();
  const auto reader = log->source().OpenAll().value();
  std::uint64_t read = 0;
  for (int i = 0; i < 90; ++i) {
    ASSERT_TRUE(log->Append({View(i)}).ok());
    if (i % 20 == 19) {
      ASSERT_TRUE(CompactLog(log->source(), [](std::uint64_t) {}).ok());
    }
    if (i % 7 == 0) {
      for (LogRecord r; reader->More(&r).value();) EXPECT_EQ(r.offset, read++);
    }
  }
  for (LogRecord r; reader->More(&r).value();) EXPECT_EQ(r.offset, read++);
  EXPECT_EQ(read, 90u);
  EXPECT_EQ(Read(fs).value().size(), 90u);
}

TEST(CompactLog, IsRefusedWhileAnotherProcessRewritesTheLog) {
  FaultFileSystem fs(1);
  Fill(fs, 60, 1500);
  const auto held = fs.Lock(JoinPath(kFolder, "REWRITE.LOCK")).value();
  const auto refused = Compact(fs);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("rewriting"));
}

TEST(CompactLog, AUserIsErasedFromCompactedSegmentsToo) {
  FaultFileSystem fs(1);
  Fill(fs, 60, 1500);
  ASSERT_TRUE(Compact(fs).ok());
  const auto before = Read(fs).value();
  LocalLog log(fs, kFolder);
  Erasure erasure;
  erasure.Add(KeyOf("user-2"), {});
  const auto anonymous = [](const LogRecord& r) {
    return Event{.id = "erased/" + std::to_string(r.offset), .source = "gfr", .type = r.event.type};
  };
  const auto erased = EraseRecords(log, erasure, false, anonymous, [](const std::string&) { return Status(); });
  ASSERT_TRUE(erased.ok()) << erased.error().message;
  EXPECT_EQ(erased.value().records, 12u);
  const auto after = Read(fs).value();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].offset, before[i].offset);
    EXPECT_EQ(after[i].arrival_ms, before[i].arrival_ms);
    EXPECT_EQ(after[i].event == before[i].event, i % 5 != 2) << "another's record was to keep its bytes";
  }
}

}  // namespace
}  // namespace gfr
