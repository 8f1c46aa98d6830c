// Any bytes of a segment: a record, a short one or a bad one.
#include <cstdint>
#include <cstring>

#include "event/event_codec.h"
#include "log/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  gfr::LogRecord record;
  std::size_t used = 0;
  std::uint64_t first = 0;
  (void)gfr::ReadSegmentHeader(bytes, &first);
  (void)gfr::ReadRecord(bytes, &record, &used);
  (void)gfr::DecodeEvent(bytes);  // Behind the checksum, which a fuzzer does not guess.
  return 0;
}
