// LogUntil: a log up to the end that it had when it was made, for those who read it several times while it grows: each
// reading gives the same records.
//
// Thread safety: as the log's.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "log/event_source.h"

namespace gfr {

class LogUntil final : public EventSource {
 public:
  // `log` must outlive it. `end`: as EventSource::End gave it.
  LogUntil(EventSource& log, Positions end) : log_(log), end_(std::move(end)) {}

  int partitions() const override { return log_.partitions(); }
  Result<Positions> Begin() override { return log_.Begin(); }
  Result<Positions> End() override { return end_; }
  Result<std::uint64_t> SizeBytes() override { return log_.SizeBytes(); }
  Result<std::unique_ptr<RandomAccessFile>> OpenBase() override { return log_.OpenBase(); }
  using EventSource::Open;
  Result<std::unique_ptr<EventReader>> Open(const Positions& from, ReadOptions options) override {
    Positions until = options.until.value_or(end_);
    for (std::size_t p = 0; p < until.size(); ++p) until[p] = std::min(until[p], end_[p]);
    options.until = std::move(until);
    return log_.Open(from, std::move(options));
  }

 private:
  EventSource& log_;
  const Positions end_;
};

}  // namespace gfr
