// OffsetRange: records of a log by their offsets.
#pragma once

#include <cstdint>

namespace gfr {

struct OffsetRange {
  std::uint64_t begin = 0, end = 0;  // The last one is not in it.
};

}  // namespace gfr
