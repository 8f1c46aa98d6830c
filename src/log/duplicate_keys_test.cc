#include "log/duplicate_keys.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/rng.h"

namespace gfr {
namespace {

// The rule as plainly as it can be said.
class Reference {
 public:
  Reference(std::int64_t horizon_ms, std::size_t max_keys) : horizon_ms_(horizon_ms), max_keys_(max_keys) {}
  bool Insert(Key key, std::int64_t arrival_ms) {
    while (!order_.empty() && (order_.front().second < arrival_ms - horizon_ms_ || order_.size() >= max_keys_)) {
      keys_.erase(order_.front().first);
      order_.pop_front();
    }
    if (!keys_.insert(key).second) return false;
    order_.push_back({key, arrival_ms});
    return true;
  }
  void RemoveNewest(std::uint64_t count) {
    for (; count > 0 && !order_.empty(); --count) {
      keys_.erase(order_.back().first);
      order_.pop_back();
    }
  }

 private:
  const std::int64_t horizon_ms_;
  const std::size_t max_keys_;
  std::set<Key> keys_;
  std::deque<std::pair<Key, std::int64_t>> order_;
};

TEST(DuplicateKeys, AnswerAsAnOrderedSetOfTheHorizonDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    const std::int64_t horizon_ms = 1 + static_cast<std::int64_t>(rng.Below(1000));
    const std::size_t max_keys = 1 + rng.Below(300);
    DuplicateKeys keys(horizon_ms, max_keys);
    Reference reference(horizon_ms, max_keys);
    std::int64_t now_ms = 0;
    const std::uint64_t ids = 1 + rng.Below(1000);
    for (int i = 0; i < 5000; ++i) {
      if (rng.Chance(0.3)) now_ms += static_cast<std::int64_t>(rng.Below(20));
      if (rng.Chance(0.001)) now_ms += 5'000'000'000;  // Longer than 32 bits of milliseconds.
      const Key key = rng.Chance(0.1) ? rng.Below(3) : KeyOf(std::to_string(rng.Below(ids)));
      ASSERT_EQ(keys.Insert(key, now_ms), reference.Insert(key, now_ms)) << "seed " << seed << ", step " << i;
      if (!rng.Chance(0.01)) continue;
      const std::uint64_t count = rng.Below(std::min<std::uint64_t>(keys.size(), 3) + 1);
      keys.RemoveNewest(count);
      reference.RemoveNewest(count);
    }
  }
}

}  // namespace
}  // namespace gfr
