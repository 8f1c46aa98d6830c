// Any bytes are slates or an error; slates come back as they were.
#include <cstdint>
#include <cstdlib>

#include "serve/slates.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto events = gfr::DecodeSlates({reinterpret_cast<const char*>(data), size});
  if (events.ok()) {
    const auto again = gfr::DecodeSlates(gfr::EncodeSlates(events.value()));
    if (!again.ok() || again.value().size() != events.value().size()) std::abort();
  }
  return 0;
}
