// DistinctEvents: a log that cannot refuse duplicates (a foreign one), read by the rule of one that can.
//
// A record is passed over if another one of the same source and id lies before it in its partition, within 24 h of
// arrival and 20M records (DuplicateKeys). So the states folded from it equal those of a log that refused it. Offsets
// stay those of the log: one that was passed over is missing. A reader that does not begin at the begin reads the
// records before it once, for their ids. `source` must outlive it. Thread safety: as EventSource.
#pragma once

#include "log/duplicate_keys.h"
#include "log/event_source.h"

namespace gfr {

class DistinctEvents final : public EventSource {
 public:
  explicit DistinctEvents(EventSource& source, std::int64_t horizon_ms = DuplicateKeys::kHorizonMs)
      : source_(source), horizon_ms_(horizon_ms) {}

  int partitions() const override { return source_.partitions(); }
  Result<Positions> Begin() override { return source_.Begin(); }
  Result<Positions> End() override { return source_.End(); }
  Result<std::uint64_t> SizeBytes() override { return source_.SizeBytes(); }
  Result<std::unique_ptr<RandomAccessFile>> OpenBase() override { return source_.OpenBase(); }
  using EventSource::Open;
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override;

 private:
  EventSource& source_;
  const std::int64_t horizon_ms_;
};

}  // namespace gfr
