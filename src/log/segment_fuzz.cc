// Any bytes of a segment of either format: a record, a short one or a bad one.
#include <cstdint>
#include <cstring>

#include "event/event_codec.h"
#include "log/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  gfr::LogRecord record;
  std::size_t used = 0;
  std::uint64_t first = 0;
  (void)gfr::ReadSegmentHeader(bytes, &first);
  (void)gfr::ReadRecord(bytes, &record, &used);
  (void)gfr::DecodeEvent(bytes);  // Behind the checksum, which a fuzzer does not guess.
  (void)gfr::ReadFramedRecord(bytes, 0, &record, &used);
  gfr::Footer footer;
  (void)gfr::ReadFooter(bytes, size, 0, &footer);
  (void)gfr::WalkFramed(bytes,
                        [](std::uint64_t, std::int64_t, std::string_view event) { (void)gfr::DecodeEvent(event); });
  std::string records;  // Behind the checksums of a frame.
  const auto raw = static_cast<std::uint32_t>(size < 4 ? size : data[0] | data[1] << 8 | data[2] << 16);
  (void)gfr::ReadFrame({.length = static_cast<std::uint32_t>(size), .raw_length = raw, .crc = gfr::Crc32c(data, size)},
                       bytes, &records);
  return 0;
}
