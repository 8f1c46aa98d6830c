// Any bytes as a model version's drift.bin: refused, or a reference that is written again to what reads as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "monitor/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gfr;
  const auto reference = DecodeReferences({reinterpret_cast<const char*>(data), size});
  if (!reference.ok()) return 0;
  const std::string bytes = EncodeReferences(reference.value());
  const auto again = DecodeReferences(bytes);
  if (!again.ok() || EncodeReferences(again.value()) != bytes) std::abort();
  return 0;
}
