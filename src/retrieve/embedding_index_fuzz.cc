// Any bytes are embeddings that can be searched, or an error.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "retrieve/embedding_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As the bytes are, and with the checksum that they should have.
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (int mended = 0; mended < 2; ++mended) {
    if (mended == 1) {
      if (size < 12) return 0;
      const std::uint32_t crc = gfr::Crc32c(bytes.data() + 12, size - 12);
      bytes.replace(8, 4, reinterpret_cast<const char*>(&crc), 4);
    }
    const auto index = gfr::EmbeddingIndex::Decode(bytes);
    if (!index.ok()) continue;
    if (index.value()->Encode() != bytes) std::abort();
    const auto user = index.value()->UserVector(index.value()->items());
    if (!user.empty() && index.value()->Search(user, 10).size() > 10) std::abort();
  }
  return 0;
}
