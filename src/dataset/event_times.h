// EventTimes: when a log's events of some types came, by the minute: what can be said of a dataset before it is made.
//
// Reading it costs one pass that decodes the wanted types only. Whoever passes over the log anyway adds the lines
// itself. Thread safety: plain values.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "log/event_source.h"

namespace gfr {

// The lines (items; of an event without items one) of one type, in log order.
class LinesOverTime {
 public:
  void Add(std::int64_t arrival_ms, std::uint64_t lines);  // REQUIRES: arrival does not go back.
  void Add(const LogRecord& r) { Add(r.arrival_ms, std::max<std::size_t>(1, r.event.items.size())); }
  std::uint64_t size() const { return until_.empty() ? 0 : until_.back(); }
  std::uint64_t Before(std::int64_t ms) const;  // Lines that arrived in a minute that began before.
  std::int64_t At(std::uint64_t line) const;    // When the line came, to the minute. REQUIRES: line < size().

 private:
  std::vector<std::int64_t> minutes_;
  std::vector<std::uint64_t> until_;  // Lines up to the end of each minute.
};

struct EventTimes {
  std::int64_t first_ms = 0, last_ms = 0;  // Arrival of the log's first and last record.
  std::uint64_t events = 0;                // Of all types.
  std::array<LinesOverTime, kEventTypes> lines;
  const LinesOverTime& of(EventType type) const { return lines[static_cast<std::size_t>(type)]; }
};

// Without lines: the log's first and last records alone are read. Errors: the log's.
Result<EventTimes> ReadLogSpan(EventSource& log);
// `types` (bit t: EventType t): those whose lines are counted. Errors: the log's.
Result<EventTimes> ReadEventTimes(EventSource& log, std::uint32_t types);

}  // namespace gfr
