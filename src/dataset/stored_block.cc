#include "dataset/stored_block.h"

#include <zstd.h>

namespace gfr {

Result<std::string> StoreBlock(std::string_view bytes, int level) {
  std::string stored(ZSTD_compressBound(bytes.size()), 0);
  const std::size_t size = ZSTD_compress(stored.data(), stored.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size)) return Error{ErrorCode::kInternal, std::string("zstd: ") + ZSTD_getErrorName(size)};
  stored.resize(size);
  return stored;
}

bool ReadStoredBlock(std::string_view stored, std::size_t bytes, std::string* out) {
  out->resize(bytes);
  return ZSTD_decompress(out->data(), bytes, stored.data(), stored.size()) == bytes;
}

}  // namespace gfr
