// Any body: parsed within its bounds, and what is taken can be written and taken again.
#include <cstdint>
#include <cstdlib>

#include "event/event_codec.h"
#include "event/event_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto format : {gfr::BodyFormat::kJson, gfr::BodyFormat::kNdjson}) {
    const gfr::ParsedEvents parsed = gfr::ParseEvents(body, format, {.body_bytes = 1 << 16, .event_bytes = 1 << 12});
    for (const gfr::Event& e : parsed.events) {
      std::string bytes;
      gfr::EncodeEvent(e, &bytes);
      if (!gfr::DecodeEvent(bytes).ok()) std::abort();
      (void)gfr::EventToJson(e);
    }
  }
  return 0;
}
