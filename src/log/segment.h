// The bytes of a log segment: a header of 24 bytes, then records. All integers little-endian.
//   header  "GFRLOG1\n", u64 first offset, u32 CRC32C of the 16 bytes before, u32 zero
//   record  u32 payload length, u32 CRC32C of what follows, u64 offset, i64 arrival ms, payload (event_codec.h)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "event/event.h"

namespace gfr {

inline constexpr std::size_t kSegmentHeaderBytes = 24, kRecordHeaderBytes = 24, kMaxPayloadBytes = 256u << 20;

std::string SegmentName(std::uint64_t first_offset);  // "00000000000000000042.log"
std::string SegmentHeader(std::uint64_t first_offset);
// Of format 1 or 2 (frame.h).
bool ReadSegmentHeader(std::string_view bytes, std::uint64_t* first_offset);
// The header's last four bytes: 0 but in segments that were written frame by frame. REQUIRES: a good header.
std::uint32_t SegmentNonce(std::string_view header);
void AppendEncoded(std::uint64_t offset, std::int64_t arrival_ms, std::string_view event, std::string* out);
void AppendRecord(std::uint64_t offset, std::int64_t arrival_ms, const Event& event, std::string* out);

// REQUIRES: a whole record header.
std::int64_t RecordArrival(std::string_view header);

// kNeedsNewer: whole, but its event is of a later format or type than this version knows. It is never cut away.
enum class RecordState { kOk, kShort, kBad, kNeedsNewer };
// Reads the record at the start of `bytes`; kShort: it goes on behind their end. Of an event whose type is not in
// `types` (bit t: EventType t) only the type is read.
inline constexpr std::uint32_t kAllTypes = ~0u;
RecordState ReadPayload(std::string_view payload, LogRecord* record, std::uint32_t types);  // The event alone.
RecordState ReadRecord(std::string_view bytes, LogRecord* record, std::size_t* size, std::uint32_t types = kAllTypes);

}  // namespace gfr
