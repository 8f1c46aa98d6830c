#include "state/sparse_rows.h"

#include <bit>
#include <cstring>

namespace gfr {

void PutNumber(std::uint64_t number, std::string* out) { out->append(reinterpret_cast<const char*>(&number), 8); }

void PutRow(const std::byte* row, std::size_t bytes, std::string* out) {
  for (std::size_t begin = 0; begin < bytes; begin += 64 * 8) {
    const std::size_t at = out->size();
    std::uint64_t mask = 0, word = 0;
    PutNumber(mask, out);
    for (std::size_t w = 0; w < 64 && begin + w * 8 < bytes; ++w) {
      std::memcpy(&word, row + begin + w * 8, 8);
      if (word == 0) continue;
      mask |= std::uint64_t{1} << w;
      PutNumber(word, out);
    }
    std::memcpy(out->data() + at, &mask, 8);
  }
}

void TakeRow(ByteReader& r, std::span<std::uint64_t> row) {
  for (std::size_t begin = 0; begin < row.size(); begin += 64) {
    for (std::uint64_t mask = r.Number<std::uint64_t>(); mask != 0 && !r.bad; mask &= mask - 1) {
      const std::size_t word = begin + static_cast<std::size_t>(std::countr_zero(mask));
      if (word >= row.size()) {
        r.bad = true;
        return;
      }
      row[word] = r.Number<std::uint64_t>();
    }
  }
}

}  // namespace gfr
