// The bytes of a closed segment of format 2: a header, frames of records, a footer. docs/formats/log.md has the tables.
//
// A frame holds at most 1 MiB of records (one larger record has a frame of its own), compressed with zstd. The footer
// names the end offset and every frame, so that a cut, a flipped byte or a missing frame is noticed, and a reader finds
// an offset without reading what lies before it. Nothing is ever appended to such a segment. Any bytes are safe to
// read. Thread safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "log/segment.h"

namespace gfr {

inline constexpr std::size_t kFrameBytes = 1u << 20, kFrameHeadBytes = 40, kFramedHeaderBytes = 12;

bool IsFramedSegment(std::string_view header);  // Of format 2, by its first 8 bytes.

// Makes the bytes of a segment, record by record.
class FramedSegment {
 public:
  explicit FramedSegment(std::uint64_t first_offset);
  // `event` as event_codec.h encodes it. REQUIRES: records come in log order, none left out.
  void Add(std::int64_t arrival_ms, std::string_view event);
  std::string Finish();  // With the footer. Call it once.

 private:
  void EndFrame();
  std::string bytes_, frame_;
  std::uint64_t next_, frame_first_;
  std::vector<std::uint64_t> index_;  // First offset and file position of each frame, in turn.
};

struct FrameHead {
  std::uint64_t first_offset = 0;
  std::uint64_t synced = 0;  // Every record before this offset was on disk when the frame was written.
  std::uint32_t length = 0;  // Of the bytes behind the head, as stored.
  std::uint32_t raw_length = 0;
  std::uint32_t count = 0;
  std::uint32_t codec = 0;  // 1: zstd.
  std::uint32_t crc = 0;    // CRC32C of the stored bytes.
};
// REQUIRES: kFrameHeadBytes bytes. False: it is none.
bool ReadFrameHead(std::string_view bytes, FrameHead* head);
// The records of a frame; false: they are not what was written.
bool ReadFrame(const FrameHead& head, std::string_view stored, std::string* records);
// As ReadRecord, of the record at the start of what ReadFrame gave; `offset` is known by counting.
RecordState ReadFramedRecord(std::string_view records, std::uint64_t offset, LogRecord* record, std::size_t* size,
                             std::uint32_t types = kAllTypes);

struct Footer {
  std::uint64_t end_offset = 0;
  std::uint64_t position = 0;  // Where the footer begins, behind the last frame.
  std::vector<std::uint64_t> index;
};

struct FramedWalk {
  bool whole = false;            // To the footer, all of it what was written.
  std::uint64_t end_offset = 0;  // Behind the last good record.
  std::size_t good_bytes = 0;    // Where the first bad frame begins; 0: not even the header is good.
};
// Gives every record of the good frames of a whole segment's bytes to `each`.
FramedWalk WalkFramed(
    std::string_view bytes,
    const std::function<void(std::uint64_t offset, std::int64_t arrival_ms, std::string_view event)>& each);

// The last 16 bytes of a segment say where its footer begins; 0: they do not.
std::uint64_t FooterBytes(std::string_view last_16);
// `bytes`: the footer whole, the segment's last bytes; `file_bytes`: the size of the segment.
bool ReadFooter(std::string_view bytes, std::uint64_t file_bytes, Footer* footer);

}  // namespace gfr
