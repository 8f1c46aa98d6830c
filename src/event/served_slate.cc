#include "event/served_slate.h"

#include <algorithm>
#include <numeric>

#include "base/hash.h"

namespace gfr {

std::int64_t ServedSlate::RowOf(std::uint32_t item) const {
  const auto at = std::ranges::lower_bound(kept, item);
  return at == kept.end() || *at != item ? -1 : at - kept.begin();
}

bool ServedSlate::IsScored(std::uint32_t item) const { return std::ranges::binary_search(scored, item); }

std::vector<std::uint32_t> AllItems(std::size_t n) {
  std::vector<std::uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

void SetColumns(const std::vector<std::uint64_t>& fingerprints, const std::vector<float>& features, std::size_t items,
                std::vector<std::uint32_t> kept, ServedSlate* slate) {
  constexpr std::size_t kTogether = 16;  // Columns: what a row has of them is one cache line.
  const std::size_t columns = fingerprints.size();
  std::vector<float> turned(items * kTogether);  // Column by column.
  slate->kept = std::move(kept);
  slate->columns.resize(columns);
  for (std::size_t first = 0; first < columns; first += kTogether) {
    const std::size_t width = std::min(kTogether, columns - first);
    for (std::size_t i = 0; i < items; ++i) {
      const float* const row = features.data() + i * columns + first;
      for (std::size_t k = 0; k < width; ++k) turned[k * items + i] = row[k];
    }
    for (std::size_t k = 0; k < width; ++k) {
      const float* const column = turned.data() + k * items;
      ServedColumn& served = slate->columns[first + k];
      served.fingerprint = fingerprints[first + k];
      served.crc = Crc32c(column, items * sizeof(float));
      served.values.clear();
      served.values.reserve(slate->kept.size());
      for (const std::uint32_t i : slate->kept) served.values.push_back(column[i]);
    }
  }
}

}  // namespace gfr
