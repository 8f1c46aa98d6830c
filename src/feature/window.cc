#include "feature/window.h"

#include <bit>

namespace gfr {

// A quotient by rounding to nearest is the floor or one more, and the remainder, a whole number below 2^53, tells
// which: floating point that loops over columns can do side by side, where a product of 128 bits cannot.
void WindowShape::TilesOf(const std::int64_t* time_ms, std::size_t size, std::int64_t* tile) const {
  constexpr double kWhole = 4503599627370496.0;  // 2^52: what is added to it has no fraction left.
  constexpr std::uint64_t kWholeBits = std::uint64_t{0x433} << 52;
  const double length = static_cast<double>(tile_ms_), inverse = 1 / length;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < size; ++i) seen |= static_cast<std::uint64_t>(time_ms[i]);
  if (!tiled() || seen >> 42 != 0 || seen / static_cast<std::uint64_t>(tile_ms_) >= UINT32_MAX) {
    for (std::size_t i = 0; i < size; ++i) tile[i] = TileOf(time_ms[i]);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const double t = std::bit_cast<double>(static_cast<std::uint64_t>(time_ms[i]) | kWholeBits) - kWhole;
    const double nearest = t * inverse + kWhole;
    const double over = (nearest - kWhole) * length - t;  // Above 0: rounded up.
    const double next = (over > 0 ? nearest - 1 : nearest) + 1;
    tile[i] = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(next) ^ kWholeBits);
  }
}

}  // namespace gfr
