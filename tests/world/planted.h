// Which planted bug this program has (planted_bugs.py): GFR_PLANTED at its start; none without. Tests only.
#pragma once

#include <cstdlib>

namespace gfr {

inline bool Planted(int number) {
  static const int chosen = std::getenv("GFR_PLANTED") != nullptr ? std::atoi(std::getenv("GFR_PLANTED")) : 0;
  return number == chosen;
}

}  // namespace gfr
