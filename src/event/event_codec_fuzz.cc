// Any bytes are an event or an error; an event that was read is written, and read again as the same bytes.
#include <cstdint>
#include <cstdlib>

#include "event/event_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto event = gfr::DecodeEvent({reinterpret_cast<const char*>(data), size});
  if (!event.ok()) return 0;
  std::string bytes, again;
  gfr::EncodeEvent(event.value(), &bytes);
  const auto back = gfr::DecodeEvent(bytes);
  if (!back.ok()) std::abort();
  gfr::EncodeEvent(back.value(), &again);
  if (again != bytes) std::abort();
  return 0;
}
