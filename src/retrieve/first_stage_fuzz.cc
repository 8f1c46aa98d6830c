// Any bytes are a first stage that can be searched, or an error.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "retrieve/first_stage.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As the bytes are, and with the checksum that they should have.
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (int mended = 0; mended < 2; ++mended) {
    if (mended == 1) {
      if (size < 12) return 0;
      const std::uint32_t crc = gfr::Crc32c(bytes.data() + 12, size - 12);
      bytes.replace(8, 4, reinterpret_cast<const char*>(&crc), 4);
    }
    const auto stage = gfr::FirstStage::Decode(bytes);
    if (!stage.ok()) continue;
    const std::vector<float> values(stage.value()->anchors().size(), 0.25f);
    if (stage.value()->Search(values, 10).size() > 10) std::abort();
  }
  return 0;
}
