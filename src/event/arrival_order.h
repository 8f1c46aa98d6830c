// ArrivalOrder: in which order the events of an outside log arrived, by their times and by what they name.
//
// The arrival of an imported event is its event time, raised to the arrival of the request or impression that it
// names: an impression is at or after its request, a click (and whatever else names a request) at or after the first
// impression of it. Event times stay. Of equal arrival the order given counts, but what names a request or impression
// comes behind it. Two passes: Observe every event, then ask for each one's place.
//
// Memory: 40 bytes a request id. Thread safety: none.
#pragma once

#include <compare>
#include <unordered_map>

#include "event/event.h"

namespace gfr {

class ArrivalOrder {
 public:
  struct Place {
    std::int64_t arrival_ms = 0;
    std::uint64_t sequence = 0;  // Order given, shifted by 2 bits; behind another event: that one's and 1 or 2.
    auto operator<=>(const Place&) const = default;
  };

  // `request`: the key of the id that the event names, 0: none. `time_ms`: the event's, or its arrival where that is
  // known. `order`: as the events were given, from 0.
  void Observe(EventType type, Key request, std::int64_t time_ms, std::uint64_t order);
  Place Of(EventType type, Key request, std::int64_t time_ms, std::uint64_t order) const;

 private:
  static constexpr Place kNone{INT64_MAX, UINT64_MAX};
  struct Named {
    Place request = kNone, impression = kNone;  // The earliest, by their own times.
  };
  std::unordered_map<Key, Named> named_;
};

}  // namespace gfr
