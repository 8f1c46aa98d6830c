// BinsOfValues: the bin of each of a column's values, as Bins::Of says it, eight values at a time: what is kept of a
// row whose count is not certain yet. Thread safety: a pure function.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stats/bin_counts.h"

namespace gfr {

// Writes one byte a value, `stride` bytes apart, to `out`. A bin fits a byte: a column has at most 35.
void BinsOfValues(const Bins& bins, const float* values, std::size_t count, std::uint8_t* out, std::size_t stride = 1);

}  // namespace gfr
