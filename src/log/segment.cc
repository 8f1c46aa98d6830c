#include "log/segment.h"

#include <cstdio>
#include <cstring>

#include "base/hash.h"
#include "event/event_codec.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRLOG1\n", kFramedMagic[] = "GFRLOG2\n";

template <typename T>
T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

std::string SegmentName(std::uint64_t first_offset) {
  char name[40];
  std::snprintf(name, sizeof name, "%020llu.log", static_cast<unsigned long long>(first_offset));
  return name;
}

std::string SegmentHeader(std::uint64_t first_offset) {
  std::string header(kMagic, 8);
  header.append(reinterpret_cast<const char*>(&first_offset), 8);
  const std::uint32_t crc[2] = {Crc32c(header.data(), 16), 0};
  header.append(reinterpret_cast<const char*>(crc), 8);
  return header;
}

bool ReadSegmentHeader(std::string_view bytes, std::uint64_t* first_offset) {
  if (bytes.size() < kSegmentHeaderBytes) return false;
  if (std::memcmp(bytes.data(), kMagic, 8) != 0 && std::memcmp(bytes.data(), kFramedMagic, 8) != 0) return false;
  *first_offset = Load<std::uint64_t>(bytes.data() + 8);
  std::uint32_t crc = Crc32c(bytes.data(), 16);
  if (SegmentNonce(bytes) != 0) crc = Crc32c(bytes.data() + 20, 4, crc);
  return Load<std::uint32_t>(bytes.data() + 16) == crc;
}

std::uint32_t SegmentNonce(std::string_view header) { return Load<std::uint32_t>(header.data() + 20); }

namespace {

// Fills the header of the record that was appended from `at` on.
void FillHeader(std::uint64_t offset, std::int64_t arrival_ms, std::size_t at, std::string* out) {
  char* p = out->data() + at;
  const auto length = static_cast<std::uint32_t>(out->size() - at - kRecordHeaderBytes);
  std::memcpy(p, &length, 4);
  std::memcpy(p + 8, &offset, 8);
  std::memcpy(p + 16, &arrival_ms, 8);
  const std::uint32_t crc = Crc32c(p + 8, 16 + length);
  std::memcpy(p + 4, &crc, 4);
}

}  // namespace

void AppendEncoded(std::uint64_t offset, std::int64_t arrival_ms, std::string_view event, std::string* out) {
  const std::size_t at = out->size();
  out->append(kRecordHeaderBytes, '\0');
  out->append(event);
  FillHeader(offset, arrival_ms, at, out);
}

void AppendRecord(std::uint64_t offset, std::int64_t arrival_ms, const Event& event, std::string* out) {
  const std::size_t at = out->size();
  out->append(kRecordHeaderBytes, '\0');
  EncodeEvent(event, out);
  FillHeader(offset, arrival_ms, at, out);
}

std::int64_t RecordArrival(std::string_view header) { return Load<std::int64_t>(header.data() + 16); }

RecordState ReadRecord(std::string_view bytes, LogRecord* record, std::size_t* size, std::uint32_t types) {
  if (bytes.size() < kRecordHeaderBytes) return RecordState::kShort;
  const auto length = Load<std::uint32_t>(bytes.data());
  if (length > kMaxPayloadBytes) return RecordState::kBad;
  if (bytes.size() < kRecordHeaderBytes + length) return RecordState::kShort;
  if (Load<std::uint32_t>(bytes.data() + 4) != Crc32c(bytes.data() + 8, 16 + length)) return RecordState::kBad;
  record->offset = Load<std::uint64_t>(bytes.data() + 8);
  record->arrival_ms = Load<std::int64_t>(bytes.data() + 16);
  *size = kRecordHeaderBytes + length;
  return ReadPayload(bytes.substr(kRecordHeaderBytes, length), record, types);
}

RecordState ReadPayload(std::string_view payload, LogRecord* record, std::uint32_t types) {
  if (const EventType type = PeekEventType(payload);
      types != kAllTypes && !(types >> static_cast<unsigned>(type) & 1u)) {
    record->event.type = type;
    return RecordState::kOk;
  }
  const Status decoded = DecodeEventInto(payload, &record->event);
  if (decoded.ok()) return RecordState::kOk;
  return decoded.error().code == ErrorCode::kNeedsNewer ? RecordState::kNeedsNewer : RecordState::kBad;
}

}  // namespace gfr
