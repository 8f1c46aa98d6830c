// DuplicateKeys: the (source, id) of the last 24 h of arrival, at most 20M: what a log takes only once. Thread safety:
// none.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_set>
#include <utility>

#include "event/event.h"

namespace gfr {

class DuplicateKeys {
 public:
  static constexpr std::int64_t kHorizonMs = 24 * 3600 * 1000;
  static constexpr std::size_t kMaxKeys = 20'000'000;

  static Key Of(const Event& e) { return PairKey(KeyOf(e.source), KeyOf(e.id)); }

  // False: `key` is there already. REQUIRES: arrival times do not go back.
  bool Insert(Key key, std::int64_t arrival_ms) {
    while (!order_.empty() && (order_.front().first < arrival_ms - kHorizonMs || order_.size() >= kMaxKeys)) {
      keys_.erase(order_.front().second);
      order_.pop_front();
    }
    if (!keys_.insert(key).second) return false;
    order_.push_back({arrival_ms, key});
    return true;
  }

  // Forgets the keys of the last `count` Inserts that gave true: they were not written after all. REQUIRES: as many.
  void RemoveNewest(std::uint64_t count) {
    for (; count > 0 && !order_.empty(); --count) {
      keys_.erase(order_.back().second);
      order_.pop_back();
    }
  }

 private:
  std::unordered_set<Key> keys_;
  std::deque<std::pair<std::int64_t, Key>> order_;
};

}  // namespace gfr
