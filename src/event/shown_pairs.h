// ShownPairs: how many clicks find their slate: name a request and an item that was shown before with it.
//
// Exact up to max_pairs pairs of (request, item); of more, the requests of every second, fourth, ... hash are counted
// and the figures are projected. Feed events in log order. Thread safety: none.
#pragma once

#include <array>
#include <unordered_map>

#include "event/event.h"

namespace gfr {

class ShownPairs {
 public:
  explicit ShownPairs(std::size_t max_pairs = 4u << 20) : max_pairs_(max_pairs) {}

  void Add(const Event& event);

  std::uint64_t clicks() const { return clicks_; }
  std::uint64_t in_slate() const;  // Of them; projected when is_sample.
  bool is_sample() const { return level_ > 0; }

 private:
  // Of clicks whose request's hash has so many zeros at its end.
  struct Counts {
    std::uint64_t clicks = 0, found = 0;
  };
  const std::size_t max_pairs_;
  std::unordered_map<Key, std::uint8_t> pairs_;  // And the zeros of the request's hash.
  std::array<Counts, 65> by_zeros_ = {};
  int level_ = 0;  // Requests with fewer zeros are not kept.
  std::uint64_t clicks_ = 0;
};

}  // namespace gfr
