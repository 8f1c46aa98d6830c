#include "log/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/fault_file_system.h"
#include "log/event_log.h"
#include "log/segment_writer.h"

namespace gfr {
namespace {

Event TextView(const std::string& id, const std::string& text) {
  Event e;
  e.id = id;
  e.source = "test";
  e.type = EventType::kItemView;
  e.user_id = "u";
  e.kind = text;
  return e;
}

std::string RandomText(Rng& rng, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(rng.Below(256));
  return text;
}

// A segment that is written frame by frame: plain ones and compressed ones, of one record and of several.
struct Segment {
  explicit Segment(std::uint64_t seed, int frames = 8) {
    Rng rng(seed);
    FaultFileSystem fs(seed);
    const auto writer = SegmentWriter::Make(fs, "log", 40).value();
    for (int f = 0; f < frames; ++f) {
      std::string records;
      const auto count = static_cast<std::uint32_t>(1 + rng.Below(4));
      for (std::uint32_t i = 0; i < count; ++i)
        AppendFramedRecord(f, TextView("e", rng.Chance(0.5) ? std::string(rng.Below(300), 'x') : RandomText(rng, 30)),
                           &records);
      begins.push_back(writer->synced_bytes());
      offsets.push_back(writer->end_offset());
      EXPECT_TRUE(writer->Append(records, count).ok());
    }
    begins.push_back(writer->synced_bytes());
    offsets.push_back(writer->end_offset());
    bytes = fs.ReadAll("log/" + SegmentName(40)).value();
    EXPECT_TRUE(writer->Close().ok());
    closed = fs.ReadAll("log/" + SegmentName(40)).value();
  }
  std::size_t FrameAt(std::size_t byte) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(begins, byte) - begins.begin()) - 1;
  }
  std::string bytes, closed;
  std::vector<std::size_t> begins;  // Of each frame in the file, and the end.
  std::vector<std::uint64_t> offsets;
};

TEST(ScanFrames, ReadsWhatWasWrittenOpenAndClosed) {
  const Segment segment(1);
  const FrameScan open = ScanFrames(segment.bytes), closed = ScanFrames(segment.closed);
  EXPECT_EQ(open.state, FramesState::kOpen);
  EXPECT_EQ(closed.state, FramesState::kClosed);
  EXPECT_EQ(open.end_offset, segment.offsets.back());
  EXPECT_EQ(closed.end_offset, segment.offsets.back());
  EXPECT_EQ(open.index, closed.index);
  EXPECT_EQ(open.good_bytes, segment.bytes.size());
}

TEST(ScanFrames, ACutAnywhereLeavesExactlyTheWholeFramesBeforeIt) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Segment segment(seed);
    for (std::size_t cut = kSegmentHeaderBytes; cut < segment.closed.size(); ++cut) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", cut at " + std::to_string(cut));
      const FrameScan scan = ScanFrames(segment.closed.substr(0, cut));
      const std::size_t frame = segment.FrameAt(cut);
      ASSERT_EQ(scan.state, cut == segment.begins[frame] ? FramesState::kOpen : FramesState::kTorn);
      ASSERT_EQ(scan.end_offset, segment.offsets[frame]);
      ASSERT_EQ(scan.good_bytes, segment.begins[frame]);
    }
  }
}

// Of the last frame nothing tells whether it was torn; of any other, what follows it does. A cut behind it, within a
// frame's payload, changes nothing of that: heads are looked for, and they are there.
TEST(ScanFrames, AChangedByteIsCorruptionWhereAFrameFollowsAndATornBatchWhereNoneDoes) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Segment segment(seed);
    Rng rng(seed);
    for (std::size_t at = 0; at < segment.bytes.size(); ++at) {
      for (const bool cut_too : {false, true}) {
        std::string bytes = segment.bytes;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << rng.Below(8));
        if (cut_too) bytes.resize(at + 1 + rng.Below(bytes.size() - at));
        SCOPED_TRACE("seed " + std::to_string(seed) + ", byte " + std::to_string(at) + " of " +
                     std::to_string(bytes.size()));
        const FrameScan scan = ScanFrames(bytes);
        if (at < kSegmentHeaderBytes) {
          ASSERT_EQ(scan.state, FramesState::kCorrupt);
          continue;
        }
        const std::size_t frame = segment.FrameAt(at);
        const bool followed =
            frame + 2 < segment.begins.size() && segment.begins[frame + 1] + kFrameHeadBytes <= bytes.size();
        ASSERT_EQ(scan.state, followed ? FramesState::kCorrupt : FramesState::kTorn);
        ASSERT_EQ(scan.end_offset, segment.offsets[frame]);
      }
    }
  }
}

TEST(ScanFrames, AClosedSegmentIsNeverTakenForATornOne) {
  const Segment segment(1);
  for (std::size_t at = 0; at < segment.begins.back(); ++at) {
    std::string bytes = segment.closed;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    ASSERT_EQ(ScanFrames(bytes).state, FramesState::kCorrupt) << at;
  }
}

// Someone sends events whose text is a copy of the log. Where the power goes while such a batch is written, its frames
// are no frames of the log.
TEST(ScanFrames, FramesInAnEventsTextAreNotTakenForFrames) {
  const Segment segment(1);
  for (const std::uint64_t first : {40u, 1000u}) {  // Also of another segment.
    FaultFileSystem fs(1);
    const auto writer = SegmentWriter::Make(fs, "log", first).value();
    std::string records;
    AppendFramedRecord(1, TextView("before", ""), &records);
    ASSERT_TRUE(writer->Append(records, 1).ok());
    const std::string whole = fs.ReadAll("log/" + SegmentName(first)).value();
    records.clear();
    // Its own frame too, which has the right nonce.
    AppendFramedRecord(1, TextView("evil", segment.bytes + whole + whole.substr(kSegmentHeaderBytes)), &records);
    std::string frame = whole;
    ASSERT_TRUE(writer->Append(records, 1).ok());
    const std::string both = fs.ReadAll("log/" + SegmentName(first)).value();
    for (std::size_t cut = whole.size() + 1; cut < both.size(); ++cut) {
      const FrameScan scan = ScanFrames(both.substr(0, cut));
      ASSERT_EQ(scan.state, FramesState::kTorn) << cut;
      ASSERT_EQ(scan.end_offset, first + 1);
      std::string bad = both.substr(0, cut);
      bad[whole.size() + 3] ^= 1;  // Its length is not known then.
      ASSERT_EQ(ScanFrames(bad).state, FramesState::kTorn) << cut;
    }
  }
}

TEST(ScanFrames, AWholeFrameThatThisVersionCannotReadIsNoTornOne) {
  const Segment segment(1, 2);
  std::string bytes = segment.bytes;
  // The codec of the last frame becomes 9, and the head's checksum that of a writer which knows it.
  const std::size_t at = segment.begins[1];
  bytes[at + 28] = 9;
  char seed[12];
  std::memcpy(seed, bytes.data() + 20, 4);
  std::memcpy(seed + 4, &at, 8);
  const std::uint32_t crc = Crc32c(bytes.data() + at, 36, Crc32c(seed, 12));
  std::memcpy(bytes.data() + at + 36, &crc, 4);
  EXPECT_EQ(ScanFrames(bytes).state, FramesState::kCorrupt);
}

TEST(EventLog, AnyCutAndAnyChangedByteIsRefusedOrLeavesExactlyWhatWasWholeAndGoesOn) {
  const FixedClock clock(1000);
  FaultFileSystem written(1);
  std::vector<std::string> ids;
  std::vector<std::pair<std::size_t, std::size_t>> frames;  // Where each ends, and how many events there are by then.
  const std::string path = "log/" + SegmentName(0);
  {
    const auto log = EventLog::Open(written, clock, {.folder = "log"}).value();
    for (int b = 0; b < 6; ++b) {
      std::vector<Event> batch;
      for (int i = 0; i <= b % 3; ++i) batch.push_back(TextView(std::to_string(b) + "/" + std::to_string(i), ""));
      for (const Event& e : batch) ids.push_back(e.id);
      ASSERT_TRUE(log->Append(std::move(batch)).ok());
      frames.push_back({written.ReadAll(path).value().size(), ids.size()});
    }
  }
  const std::string bytes = written.ReadAll(path).value();
  for (std::size_t at = 0; at < 2 * bytes.size(); ++at) {
    SCOPED_TRACE(at);
    std::string bad = bytes;
    if (at < bytes.size()) {
      bad.resize(at);
    } else {
      bad[at - bytes.size()] ^= 0x10;
    }
    FaultFileSystem fs(1);
    ASSERT_TRUE(PublishFile(fs, path, bad).ok());
    const auto opened = EventLog::Open(fs, clock, {.folder = "log"});
    if (!opened.ok()) {
      ASSERT_EQ(opened.error().code, ErrorCode::kCorrupt);
      ASSERT_THAT(opened.error().message, testing::HasSubstr("gfr log repair"));
      ASSERT_GE(at, bytes.size()) << "a cut is no corruption";
      ASSERT_LT(at - bytes.size(), frames[4].first) << "the last frame may have been torn";
      ASSERT_EQ(fs.ReadAll(path).value(), bad);
      continue;
    }
    std::size_t kept = 0, kept_bytes = 0;
    for (const auto& [end, events] : frames) {
      if (end > (at < bytes.size() ? at : at - bytes.size())) break;
      kept = events;
      kept_bytes = end;
    }
    ASSERT_EQ(opened.value()->next_offset(), kept);
    const LogRecovery& recovery = opened.value()->recovery();
    if (bad.size() > kSegmentHeaderBytes && recovery.torn_bytes > 0) {
      ASSERT_EQ(recovery.torn_bytes, bad.size() - std::max(kept_bytes, kSegmentHeaderBytes));
      ASSERT_EQ(fs.ReadAll(recovery.cut).value(), bad.substr(bad.size() - recovery.torn_bytes));
    }
    ASSERT_TRUE(opened.value()->Append({TextView("after", "")}).ok());
    std::vector<std::string> read;
    LocalLog log(fs, "log");
    const auto reader = log.OpenAll().value();
    for (LogRecord r; reader->More(&r).value();) read.push_back(r.event.id);
    std::vector<std::string> expected(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept));
    expected.push_back("after");
    ASSERT_EQ(read, expected);
  }
}

TEST(EventLog, ALastSegmentOfFormat1IsClosedAndNeverWrittenTo) {
  const FixedClock clock(1000);
  std::string bytes = SegmentHeader(0);
  for (std::uint64_t i = 0; i < 3; ++i) AppendRecord(i, 500, TextView(std::to_string(i), ""), &bytes);
  const std::string path = "log/" + SegmentName(0);
  for (const std::size_t torn : {0u, 1u, 30u}) {
    FaultFileSystem fs(1);
    ASSERT_TRUE(PublishFile(fs, path, bytes.substr(0, bytes.size() - torn)).ok());
    const std::size_t kept = torn == 0 ? 3 : 2;
    const auto log = EventLog::Open(fs, clock, {.folder = "log"}).value();
    EXPECT_EQ(log->next_offset(), kept);
    EXPECT_EQ(log->recovery().torn_bytes > 0, torn > 0);
    const std::string before = fs.ReadAll(path).value();
    ASSERT_TRUE(log->Append({TextView("new", "")}).ok());
    EXPECT_EQ(fs.ReadAll(path).value(), before);
    EXPECT_TRUE(IsFramedSegment(fs.ReadAll("log/" + SegmentName(kept)).value()));
    LocalLog source(fs, "log");
    EXPECT_EQ(source.End().value()[0], kept + 1);
  }
}

// tests/corpus/segment has segments as each way of writing made them once.
TEST(Segments, TheGoldenOnesAreReadForEver) {
  const FixedClock clock(1'700'000'009'000);
  for (const auto& [name, records] : std::vector<std::pair<std::string, std::uint64_t>>{
           {"format1.log", 10}, {"format2_open.log", 9}, {"format2_closed.log", 9}, {"format2_compacted.log", 9}}) {
    SCOPED_TRACE(name);
    const std::string bytes =
        PosixFileSystem().ReadAll(std::string(GFR_SOURCE_DIR) + "/tests/corpus/segment/" + name).value();
    FaultFileSystem fs(1);
    ASSERT_TRUE(PublishFile(fs, "log/" + SegmentName(0), bytes).ok());
    const auto log = EventLog::Open(fs, clock, {.folder = "log"});
    ASSERT_TRUE(log.ok()) << log.error().message;
    EXPECT_EQ(log.value()->recovery().torn_bytes, 0u);
    EXPECT_THAT(log.value()->Append({TextView("after", "")}).value().results,
                testing::ElementsAre(AppendResult::kAccepted));
    LocalLog source(fs, "log");
    EXPECT_TRUE(CheckLog(source, /*repair=*/false).value().bad_at.empty());
    const auto reader = source.OpenAll().value();
    std::uint64_t read = 0;
    for (LogRecord r; reader->More(&r).value(); ++read) {
      EXPECT_EQ(r.offset, read);
      if (read == records) continue;
      const int i = static_cast<int>(read);
      EXPECT_EQ(r.event.id, "event-" + std::to_string(i));
      EXPECT_EQ(r.arrival_ms, 1'700'000'001'000 + i / 3);
      EXPECT_EQ(r.event.items.at(0).item_id, "item-" + std::to_string(i));
      EXPECT_EQ(r.event.kind.size(), i % 2 == 1 ? 300u : 0u);
    }
    EXPECT_EQ(read, records + 1);
  }
}

// A batch larger than a frame is in several of them, and is answered, or refused, as one.
TEST(EventLog, ABatchLargerThanAFrameIsWrittenAsSeveralAndReadAsOne) {
  const FixedClock clock(1000);
  FaultFileSystem fs(1);
  const auto log = EventLog::Open(fs, clock, {.folder = "log", .min_retry_ms = 1, .max_retry_ms = 1}).value();
  Rng rng(1);
  std::vector<Event> batch;
  for (int i = 0; i < 40; ++i) batch.push_back(TextView(std::to_string(i), RandomText(rng, 100'000)));
  batch.push_back(TextView("large", RandomText(rng, 3'000'000)));
  fs.fail_at = fs.operations() + 5;  // The second frame, with the header's operations before.
  EXPECT_FALSE(log->Append(batch).ok());
  while (!log->healthy()) WaitUntil(MonotonicMs() + 1);
  fs.fail_at = -1;
  EXPECT_THAT(log->Append(batch).value().results, testing::Each(AppendResult::kAccepted));
  EXPECT_GT(ScanFrames(fs.ReadAll("log/" + SegmentName(0)).value()).index.size(), 8u);
  const auto reader = log->source().OpenAll().value();
  std::size_t read = 0;
  for (LogRecord r; reader->More(&r).value(); ++read) EXPECT_EQ(r.event.id, batch[read].id);
  EXPECT_EQ(read, batch.size());
}

}  // namespace
}  // namespace gfr
