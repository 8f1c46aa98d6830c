// The bytes of a segment of format 2: a header, frames of records, a footer. docs/formats/log.md has the tables.
//
// A frame holds at most 1 MiB of records (one larger record has a frame of its own), compressed with zstd where that is
// smaller. Two kinds of segment have frames. One that was made as a whole (FramedSegment; by `gfr log compact` and
// import) is never appended to. One that is written frame by frame has a random number in its header, its nonce. The
// checksum of each of its frames' heads covers the nonce and the head's own place in the file, so that no bytes of an
// event can pass for a head. It gets its footer when it is closed; where its writer failed, it has none.
//
// The footer names the end offset and every frame, so that a cut, a flipped byte or a missing frame is noticed, and a
// reader finds an offset without reading what lies before it. Any bytes are safe to read. Thread safety: pure functions
// and plain values; a FrameEncoder is used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log/segment.h"

namespace gfr {

inline constexpr std::size_t kFrameBytes = 1u << 20, kFrameHeadBytes = 40, kFramedHeaderBytes = 12;

bool IsFramedSegment(std::string_view header);  // Of format 2, by its first 8 bytes.

// Of a segment of format 2; `nonce` 0: one that is made as a whole.
std::string FramedSegmentHeader(std::uint64_t first_offset, std::uint32_t nonce);

// The record as a frame holds it.
void AppendFramedRecord(std::int64_t arrival_ms, std::string_view event, std::string* out);
void AppendFramedRecord(std::int64_t arrival_ms, const Event& event, std::string* out);

struct FrameHead {
  std::uint64_t first_offset = 0;
  std::uint64_t synced = 0;  // Every record before this offset was on disk when the frame was written.
  std::uint32_t length = 0;  // Of the bytes behind the head, as stored.
  std::uint32_t raw_length = 0;
  std::uint32_t count = 0;
  std::uint32_t codec = 0;  // 0: as they are; 1: zstd.
  std::uint32_t crc = 0;    // CRC32C of the stored bytes.
};

// Makes frames; keeps what zstd needs from one to the next.
class FrameEncoder {
 public:
  explicit FrameEncoder(int level);
  ~FrameEncoder();
  // `head` has the offsets and the count; the rest of it is set here. `position`: of the frame in the file.
  void Append(FrameHead head, std::string_view records, std::uint32_t nonce, std::uint64_t position, std::string* out);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  const int level_;
  std::string stored_;
};

// First offset and position in the file of each frame, in turn.
using FrameIndex = std::vector<std::uint64_t>;
std::string SegmentFooter(std::uint64_t end_offset, const FrameIndex& index, std::uint32_t nonce);

// Makes the bytes of a segment as a whole, record by record.
class FramedSegment {
 public:
  explicit FramedSegment(std::uint64_t first_offset);
  // `event` as event_codec.h encodes it. REQUIRES: records come in log order, none left out.
  void Add(std::int64_t arrival_ms, std::string_view event);
  std::string Finish();  // With the footer. Call it once.

 private:
  void EndFrame();
  FrameEncoder encoder_;
  std::string bytes_, frame_;
  std::uint64_t next_, frame_first_;
  FrameIndex index_;
};

// REQUIRES: kFrameHeadBytes bytes. False: it is none.
bool ReadFrameHead(std::string_view bytes, std::uint32_t nonce, std::uint64_t position, FrameHead* head);
// The records of a frame; false: they are not what was written.
bool ReadFrame(const FrameHead& head, std::string_view stored, std::string* records);
// As ReadRecord, of the record at the start of what ReadFrame gave; `offset` is known by counting.
RecordState ReadFramedRecord(std::string_view records, std::uint64_t offset, LogRecord* record, std::size_t* size,
                             std::uint32_t types = kAllTypes);

struct Footer {
  std::uint64_t end_offset = 0;
  std::uint64_t position = 0;  // Where the footer begins, behind the last frame.
  FrameIndex index;
};
// The last 16 bytes of a segment say where its footer begins; 0: they do not.
std::uint64_t FooterBytes(std::string_view last_16);
// `bytes`: the footer whole, the segment's last bytes; `file_bytes`: the size of the segment.
bool ReadFooter(std::string_view bytes, std::uint64_t file_bytes, std::uint32_t nonce, Footer* footer);

// What the frames of a segment are, by heads and checksums alone.
enum class FramesState : std::uint8_t {
  kClosed,   // To the footer, all of it what was written.
  kOpen,     // To the end of the file, without a footer: it may be written on.
  kTorn,     // The last batch was not written whole; nothing whole follows it.
  kCorrupt,  // What is bad was on disk: something whole follows it, or all of it was made as a whole.
};
struct FrameScan {
  FramesState state = FramesState::kCorrupt;
  std::uint64_t end_offset = 0;  // Behind the last good frame.
  std::size_t good_bytes = 0;    // Where the first bad frame begins; 0: not even the header is good.
  std::uint64_t raw_bytes = 0;   // Of the good frames' records, uncompressed.
  FrameIndex index;
};
// Reads a whole segment's bytes once, front to back. Behind a bad frame only heads are looked for.
FrameScan ScanFrames(std::string_view bytes);

struct FramedWalk {
  bool whole = false;            // To its end, all of it what was written.
  std::uint64_t end_offset = 0;  // Behind the last good record.
  std::size_t good_bytes = 0;    // Where the first bad frame begins; 0: not even the header is good.
};
// Gives every record of the good frames of a whole segment's bytes to `each`.
FramedWalk WalkFramed(
    std::string_view bytes,
    const std::function<void(std::uint64_t offset, std::int64_t arrival_ms, std::string_view event)>& each);

}  // namespace gfr
