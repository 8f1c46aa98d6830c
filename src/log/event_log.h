// EventLog: the durable, append-only log of a project, one writer process at a time. docs/formats/log.md has the bytes.
//
// Its own thread writes: one fdatasync takes all that arrived while the last one ran. Batches are acknowledged in the
// order of their offsets. After a failed write or sync nothing more is written to that segment. It is cut to what was
// synced before, and the log goes on in a new segment; until the cut is on disk, which is tried again and again,
// appends give kUnavailable. The events of a failed batch are not in the log: sent again, they are accepted.
// Each write is one frame (frame.h) of at most 1 MiB. A start cuts a last frame that was not written whole, keeps it
// beside (*.cut) and reports it; a bad frame that is not the last one is kCorrupt. A last segment of format 1 is read
// by its own rule and never written to again. (source, id) is deduplicated over the last 24 h of arrival, at most 20M
// keys. The destructor writes what is queued, and returns when every Done has. Thread safety: all calls, from any
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "event/event.h"
#include "log/event_sink.h"
#include "log/local_log.h"

namespace gfr {

struct EventLogOptions {
  std::string folder;
  std::uint64_t segment_bytes = 64u << 20;  // Of records, uncompressed.
  std::int64_t max_future_ms = 5 * 60 * 1000;
  std::int64_t min_retry_ms = 50, max_retry_ms = 5000;  // After a failed write: the wait between attempts doubles.
  std::size_t max_queued_bytes = 64u << 20;             // Not yet on disk; once they are reached, appends are refused.
};

// What a start found at the end of the log that was never acknowledged.
struct LogRecovery {
  std::uint64_t torn_bytes = 0;  // 0: the log ended whole.
  std::string cut;               // Where they are kept.
};

class EventLog final : public EventSink {
 public:
  static Result<std::unique_ptr<EventLog>> Open(FileSystem& fs, const Clock& clock, EventLogOptions options);
  ~EventLog() override;

  void AppendAsync(std::vector<Event> events, Done done) override;
  bool healthy() const override;

  // A historic log: `next` gives its events in order of arrival (false: there are no more), which it says too.
  // kInvalidArgument when it begins before what is there ends.
  using NextImported = std::function<Result<bool>(Event* event, std::int64_t* arrival_ms)>;
  Status AppendImported(const NextImported& next, const std::function<void(std::uint64_t)>& progress,
                        std::uint64_t* duplicates);
  // The same of events in any order: event time becomes arrival time, and of equal ones the order given counts.
  Status AppendImported(std::vector<Event> events, const std::function<void(std::uint64_t)>& progress,
                        std::uint64_t* duplicates);

  const LogRecovery& recovery() const;
  LocalLog& source();                    // To be read up to what is on disk.
  std::uint64_t next_offset() const;     // Also behind what is not on disk yet.
  std::int64_t last_arrival_ms() const;  // INT64_MIN when empty.

 private:
  struct State;
  explicit EventLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct LogCheck {
  std::uint64_t records = 0;  // Good ones, from the start.
  std::string bad_at;         // "file, byte n" of the first bad record; empty: none.
  std::string cut;            // Where the bytes behind it went.
};
// Reads the whole log. `repair` cuts it behind its last good record; the rest is kept beside it (*.cut). kUnavailable
// when a server has it.
Result<LogCheck> CheckLog(LocalLog& log, bool repair);

}  // namespace gfr
