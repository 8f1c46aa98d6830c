// Where a key stands among rising ones that are hashes, as those of items are: they lie evenly, so that its value says
// nearly where it is. That reads three or four places of memory where halving a list of 200,000 reads 17.
//
// Right for any rising keys; those that do not lie evenly take longer. Thread safety: a pure function.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/hash.h"

namespace gfr {

// The first place whose key is not below `key`.
inline std::size_t PlaceAmongHashes(std::span<const Key> keys, Key key) {
  if (keys.empty()) return 0;
  const auto guess = static_cast<std::size_t>(static_cast<unsigned __int128>(key) * keys.size() >> 64);
  // Steps that double lead to places on both sides of it: keys[low - 1] < key <= keys[high].
  std::size_t low = 0, high = keys.size();
  if (keys[guess] < key) {
    low = guess + 1;
    for (std::size_t step = 8; low + step < keys.size(); step *= 4) {
      if (keys[low + step] >= key) {
        high = low + step;
        break;
      }
      low += step + 1;
    }
  } else {
    high = guess;
    for (std::size_t step = 8; step < high; step *= 4) {
      if (keys[high - step] < key) {
        low = high - step + 1;
        break;
      }
      high -= step;
    }
  }
  const auto first = keys.begin();
  return static_cast<std::size_t>(
      std::lower_bound(first + static_cast<std::ptrdiff_t>(low), first + static_cast<std::ptrdiff_t>(high), key) -
      first);
}

}  // namespace gfr
