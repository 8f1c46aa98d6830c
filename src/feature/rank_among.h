// Ranks of numbers among each other, for views that compare a candidate with the others of its request.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace gfr {

// Calls give(i, rank) for each i below n whose value(i) is not missing (NaN): how many of the others are smaller. Equal
// values have one rank.
template <typename Value, typename Give>
void RankAmong(std::size_t n, Value&& value, Give&& give) {
  using Number = decltype(value(std::size_t{}));
  thread_local std::vector<std::pair<Number, std::uint32_t>> sorted;  // Grows to the thread's greatest request.
  sorted.clear();
  for (std::size_t i = 0; i < n; ++i) {
    if (const Number number = value(i); number == number) sorted.emplace_back(number, static_cast<std::uint32_t>(i));
  }
  std::ranges::sort(sorted);
  for (std::size_t k = 0, rank = 0; k < sorted.size(); ++k) {
    if (sorted[k].first != sorted[rank].first) rank = k;
    give(sorted[k].second, rank);
  }
}

}  // namespace gfr
