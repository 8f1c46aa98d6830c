// ArrivalOrder: in which order the events of an outside log arrived, by their times and by what they name.
//
// The arrival of an imported event is its event time, raised to the arrival of the request or impression that it
// names: an impression is at or after its request, a click (and whatever else names a request) at or after the first
// impression of it. Event times stay. Of equal arrival the order given counts, but what names a request or impression
// comes behind it.
//
// Events are given by the request that they name, and of one request in the order of Rank, so that a sort on disk
// bounds the memory. Thread safety: none.
#pragma once

#include <compare>

#include "event/event.h"

namespace gfr {

class ArrivalOrder {
 public:
  struct Place {
    std::int64_t arrival_ms = 0;
    std::uint64_t sequence = 0;  // Order given, shifted by 2 bits; behind another event: that one's and 1 or 2.
    auto operator<=>(const Place&) const = default;
  };

  // Requests first, then impressions, then what names them.
  static int Rank(EventType type) {
    return type == EventType::kFeedRequest ? 0 : type == EventType::kFeedImpression ? 1 : 2;
  }
  // Of an event that names no request.
  static Place Alone(std::int64_t time_ms, std::uint64_t order) { return {time_ms, order << 2}; }
  // Of the next event. `request`: the key of the id that it names. `time_ms`: the event's, or its arrival where that is
  // known. `order`: as the events were given, from 0. REQUIRES: of one request the events come together, by Rank.
  Place Next(EventType type, Key request, std::int64_t time_ms, std::uint64_t order);

 private:
  static constexpr Place kNone{INT64_MAX, UINT64_MAX};
  Key request_ = 0;
  Place first_request_ = kNone, first_impression_ = kNone;  // The earliest, by their own times.
};

}  // namespace gfr
