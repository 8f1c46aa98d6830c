// EventSink: where events are appended: the local log, a log in memory, a foreign one.
//
// A batch gets one arrival time. Each of its events gets a verdict; the accepted ones get consecutive offsets in the
// order given. A batch is acknowledged once it is durable.
// A failed batch may or may not be in the log: it may be sent again, and what is in the log is then a duplicate.
// Errors: kUnavailable, the log cannot be written now; kResourceExhausted, more bytes wait for the disk than the sink
// holds. Nothing of a batch refused with kResourceExhausted was taken. Thread safety: all calls, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "event/event.h"

namespace gfr {

enum class AppendResult : std::uint8_t { kAccepted, kDuplicate, kFutureTime, kIdCollision };

struct Appended {
  std::vector<AppendResult> results;          // One an event.
  std::vector<LogRecord> records;             // The accepted ones, in log order, each with its offset and arrival.
  std::vector<std::int32_t> partitions = {};  // Of each record; empty: all lie in partition 0.
};

class EventSink {
 public:
  virtual ~EventSink() = default;

  // Takes `events` and returns at once; `done` is called exactly once: when the accepted events are durable (as are
  // those that a duplicate repeats), or when they failed. It runs on a thread of the sink, or on the caller's before
  // AppendAsync returns; it must not throw or block, as the batches behind it wait for it.
  using Done = std::function<void(Result<Appended>)>;
  virtual void AppendAsync(std::vector<Event> events, Done done) = 0;

  // False after a failed write, until the sink takes appends again; meanwhile they give kUnavailable at once.
  virtual bool healthy() const = 0;

  // AppendAsync, and waits for it. Must not be called by a Done.
  Result<Appended> Append(std::vector<Event> events);
};

}  // namespace gfr
