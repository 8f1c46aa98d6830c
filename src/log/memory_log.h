// MemoryLog: a log that lives in memory, by the rules of the local one, with any number of partitions. For tests and
// simulations. A record lies in the partition of its user's id, else of its session's.
//
// What is appended is durable at once. FailNext() makes appends fail as a disk would. Thread safety: all calls, from
// any thread; it must outlive its readers.
#pragma once

#include <deque>

#include "base/clock.h"
#include "base/sync.h"
#include "log/duplicate_keys.h"
#include "log/event_sink.h"
#include "log/event_source.h"

namespace gfr {

struct MemoryLogOptions {
  int partitions = 1;
  std::int64_t max_future_ms = 5 * 60 * 1000;
  bool refuses_duplicates = true;  // False: as a foreign log, which takes them.
};

class MemoryLog final : public EventSource, public EventSink {
 public:
  explicit MemoryLog(const Clock& clock, MemoryLogOptions options = {});

  void AppendAsync(std::vector<Event> events, Done done) override;
  bool healthy() const override { return true; }
  // The next `batches` appends fail with kUnavailable. `kept`: their events are in the log all the same, which is what
  // a failed sync may leave.
  void FailNext(int batches, bool kept);

  int partitions() const override { return options_.partitions; }
  Result<Positions> Begin() override;
  Result<Positions> End() override;
  Result<std::uint64_t> SizeBytes() override;
  using EventSource::Open;
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override;

 private:
  class Reader;
  struct Record {
    std::int64_t arrival_ms;
    EventType type;
    std::string encoded;
  };
  Result<Appended> Take(std::vector<Event> events);

  const Clock& clock_;
  const MemoryLogOptions options_;
  mutable Mutex mutex_;
  CondVar appended_;
  std::vector<std::deque<Record>> partitions_;
  DuplicateKeys keys_;
  std::int64_t last_arrival_ms_ = INT64_MIN;
  int fail_ = 0;
  bool fail_kept_ = false;
};

}  // namespace gfr
