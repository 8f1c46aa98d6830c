// LastDay: the rows of the last 24 hours, window by window. Thread safety: none.
#pragma once

#include <cstdint>
#include <deque>

#include "base/time.h"
#include "monitor/reference.h"

namespace gfr {

class LastDay {
 public:
  static constexpr std::int64_t kLeastMs = 23 * kHourMs;  // Part of a day is no day: its hours are others.

  void Add(const ReferenceWindow& window) {  // REQUIRES: in order of time, with the same bins.
    taken_.push_back(window);
    const std::int64_t from_ms = window.to_ms - kDayMs;
    sum_.counts.resize(window.counts.size());
    for (std::size_t b = 0; b < sum_.counts.size(); ++b) sum_.counts[b] += window.counts[b];
    sum_.rows += window.rows;
    covered_ms_ += window.to_ms - window.from_ms;
    for (; taken_.front().from_ms < from_ms; taken_.pop_front()) {
      const ReferenceWindow& old = taken_.front();
      for (std::size_t b = 0; b < sum_.counts.size(); ++b) sum_.counts[b] -= old.counts[b];
      sum_.rows -= old.rows;
      covered_ms_ -= old.to_ms - old.from_ms;
    }
    sum_.to_ms = window.to_ms;
    sum_.from_ms = from_ms;
  }
  // Null: there are rows of less than kLeastMs.
  const ReferenceWindow* sum() const { return covered_ms_ < kLeastMs ? nullptr : &sum_; }

 private:
  std::deque<ReferenceWindow> taken_;
  ReferenceWindow sum_ = {};
  std::int64_t covered_ms_ = 0;
};

}  // namespace gfr
