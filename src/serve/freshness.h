// Freshness: how long it takes until feeds read what an event says, from the moment that the event is durable. Its 202
// comes no earlier than that.
//
// Events wait in the order in which they became durable, each with a mark that never falls (an offset, an arrival):
// whoever makes them visible says up to which mark. At most kMost groups of events are kept apart; beyond it, the
// newest ones count from the first of them. Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/telemetry.h"

namespace gfr {

class Freshness {
 public:
  static constexpr std::size_t kMost = 4096;
  static constexpr std::int64_t kTogetherUs = 5000;  // Events that became durable within so long are one group.
  struct Group {
    std::int64_t mark, at_us;
    std::uint64_t events;
  };
  // Null: nothing is timed.
  explicit Freshness(Histogram* to) : to_(to) {}

  // `at_us`: of MonotonicUs(), when they became durable.
  void Wait(std::int64_t mark, std::int64_t at_us, std::uint64_t events);
  // Those up to `mark` are visible now; gives them.
  std::vector<Group> Visible(std::int64_t mark, std::int64_t now_us);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  Histogram* const to_;
  std::deque<Group> waiting_;
};

}  // namespace gfr
