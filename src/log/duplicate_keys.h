// DuplicateKeys: the (source, id) of the last 24 h of arrival, at most 20M: what a log takes only once.
//
// 20M keys take about 510 MB: a table of keys with open addressing, and a queue of keys with the time since the one
// before. Thread safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "event/event.h"

namespace gfr {

class DuplicateKeys {
 public:
  static constexpr std::int64_t kHorizonMs = 24 * 3600 * 1000;
  static constexpr std::size_t kMaxKeys = 20'000'000;

  explicit DuplicateKeys(std::int64_t horizon_ms = kHorizonMs, std::size_t max_keys = kMaxKeys)
      : horizon_ms_(horizon_ms), max_keys_(max_keys) {}

  static Key Of(const Event& e) { return PairKey(KeyOf(e.source), KeyOf(e.id)); }

  // False: `key` is there already. REQUIRES: arrival times do not go back.
  bool Insert(Key key, std::int64_t arrival_ms) {
    while (!order_.empty() && (oldest_ms_ < arrival_ms - horizon_ms_ || order_.size() >= max_keys_)) RemoveOldest();
    if (!table_.empty() && table_[Find(key)] == Stored(key)) return false;
    if (2 * (order_.size() + 1) > table_.size() + table_.size() / 2) Grow();
    table_[Find(key)] = Stored(key);
    if (order_.empty()) oldest_ms_ = newest_ms_ = arrival_ms;
    // A longer time is beyond any horizon all the same.
    const std::int64_t after_ms = std::min<std::int64_t>(arrival_ms - newest_ms_, UINT32_MAX);
    order_.push_back(key);
    after_ms_.push_back(static_cast<std::uint32_t>(after_ms));
    newest_ms_ = arrival_ms;
    return true;
  }

  // Forgets the keys of the last `count` Inserts that gave true: they were not written after all. REQUIRES: as many.
  void RemoveNewest(std::uint64_t count) {
    for (; count > 0 && !order_.empty(); --count) {
      Remove(order_.back());
      newest_ms_ -= after_ms_.back();
      order_.pop_back();
      after_ms_.pop_back();
    }
  }

  std::size_t size() const { return order_.size(); }

 private:
  static Key Stored(Key key) { return key == 0 ? 0x5D0F2B96A1C3E847u : key; }  // 0 is an empty place.
  std::size_t HomeOf(Key key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }
  // Where `key` is, or would be.
  std::size_t Find(Key key) const {
    const Key stored = Stored(key);
    std::size_t at = HomeOf(stored);
    while (table_[at] != 0 && table_[at] != stored) at = (at + 1) & (table_.size() - 1);
    return at;
  }
  void RemoveOldest() {
    Remove(order_.front());
    order_.pop_front();
    after_ms_.pop_front();
    if (!order_.empty()) oldest_ms_ += after_ms_.front();
  }
  // Those behind it move up, so that no search ends early.
  void Remove(Key key) {
    const std::size_t mask = table_.size() - 1;
    std::size_t hole = Find(key);
    for (std::size_t at = (hole + 1) & mask; table_[at] != 0; at = (at + 1) & mask) {
      if (((at - HomeOf(table_[at])) & mask) < ((at - hole) & mask)) continue;
      table_[hole] = table_[at];
      hole = at;
    }
    table_[hole] = 0;
  }
  void Grow() {
    std::vector<Key> old(table_.empty() ? 64 : 2 * table_.size(), 0);
    old.swap(table_);
    shift_ = 64;
    for (std::size_t n = table_.size(); n > 1; n /= 2) --shift_;
    for (const Key key : old) {
      if (key != 0) table_[Find(key)] = key;
    }
  }

  const std::int64_t horizon_ms_;
  const std::size_t max_keys_;
  std::vector<Key> table_;  // A power of two, at most three quarters full.
  int shift_ = 64;
  std::deque<Key> order_;
  std::deque<std::uint32_t> after_ms_;  // Since the key before; of the first one it says nothing.
  std::int64_t oldest_ms_ = 0, newest_ms_ = 0;
};

}  // namespace gfr
