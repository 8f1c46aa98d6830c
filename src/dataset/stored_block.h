// Blocks of bytes as zstd stores them, for files whose heads say how long they are. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

// kInternal: zstd has no memory.
Result<std::string> StoreBlock(std::string_view bytes, int level);
// What was stored, which has so many bytes, in `out`. False: it is not what was stored.
bool ReadStoredBlock(std::string_view stored, std::size_t bytes, std::string* out);

}  // namespace gfr
