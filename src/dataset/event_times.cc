#include "dataset/event_times.h"

#include <algorithm>

#include "base/time.h"

namespace gfr {

void LinesOverTime::Add(std::int64_t arrival_ms, std::uint64_t lines) {
  const std::int64_t minute = arrival_ms / kMinuteMs * kMinuteMs;
  if (minutes_.empty() || minutes_.back() != minute) {
    minutes_.push_back(minute);
    until_.push_back(size());
  }
  until_.back() += lines;
}

std::uint64_t LinesOverTime::Before(std::int64_t ms) const {
  const auto at = std::ranges::lower_bound(minutes_, ms) - minutes_.begin();
  return at == 0 ? 0 : until_[static_cast<std::size_t>(at - 1)];
}

std::int64_t LinesOverTime::At(std::uint64_t line) const {
  return minutes_[static_cast<std::size_t>(std::ranges::upper_bound(until_, line) - until_.begin())];
}

Result<EventTimes> ReadLogSpan(EventSource& log) {
  EventTimes times;
  GFR_ASSIGN(const Positions begin, log.Begin());
  GFR_ASSIGN(const Positions end, log.End());
  times.first_ms = INT64_MAX;
  times.last_ms = INT64_MIN;
  for (std::size_t p = 0; p < begin.size(); ++p) {
    if (begin[p] == end[p]) continue;
    times.events += end[p] - begin[p];
    for (const std::uint64_t offset : {begin[p], end[p] - 1}) {  // Of the partition, its first and its last record.
      Positions from = end, until = end;
      from[p] = offset;
      until[p] = offset + 1;
      GFR_ASSIGN(const auto reader, log.Open(from, {.until = until}));
      LogRecord record;
      GFR_ASSIGN(const bool more, reader->More(&record));
      if (!more) continue;
      times.first_ms = std::min(times.first_ms, record.arrival_ms);
      times.last_ms = std::max(times.last_ms, record.arrival_ms);
    }
  }
  return times.events == 0 ? EventTimes{} : times;
}

Result<EventTimes> ReadEventTimes(EventSource& log, std::uint32_t types) {
  GFR_ASSIGN(EventTimes times, ReadLogSpan(log));
  if (times.events == 0) return times;
  GFR_TRY(ForEachRecord(log, types, [&](const LogRecord& r) {
    times.lines[static_cast<std::size_t>(r.event.type)].Add(r);
    return Status();
  }));
  return times;
}

}  // namespace gfr
