// What the parts of RowBuilder (row_builder*.cc) ask of an event. Thread safety: pure functions.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "event/event.h"

namespace gfr {

constexpr std::int64_t kOpenRequestMs = kDayMs;  // What comes later belongs to no request.

// Whether an event of the type may name the request that its rows are read for.
inline bool NamesRequest(EventType population) {
  return population == EventType::kFeedImpression || population == EventType::kFeedClick;
}

// Where the item of a line was shown, from 0.
inline std::int32_t PositionOf(const Event& event, std::size_t line) {
  const std::int32_t index = event.items[line].index;
  return index >= 0 ? index : static_cast<std::int32_t>(line);
}

}  // namespace gfr
