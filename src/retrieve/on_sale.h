// The first items of a ranked list that can be shown: those that the epoch's catalogue has, on sale. Thread safety: a
// pure function.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "retrieve/candidate_source.h"

namespace gfr {

// At most `quota` of `keys`, in their order. Rows are looked up as far as they are needed: of a list that is ten times
// as long as what is asked for, the others' would be read from memory for nothing.
inline std::vector<Key> FirstOnSale(const SourceQuery& query, std::span<const Key> keys, std::size_t quota) {
  std::array<const std::byte*, 64> rows;
  std::vector<Key> found;
  while (found.size() < quota && !keys.empty()) {
    const auto batch = keys.first(std::min({keys.size(), rows.size(), quota - found.size()}));
    query.items.Find(batch, std::span(rows).first(batch.size()));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (rows[i] != nullptr && query.shared.IsOnSale(rows[i])) found.push_back(batch[i]);
    }
    keys = keys.subspan(batch.size());
  }
  return found;
}

}  // namespace gfr
