// LightGBM's text: read or refused.
#include <cstdint>

#include "model/forest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)gfr::ParseLightgbm({reinterpret_cast<const char*>(data), size});
  return 0;
}
