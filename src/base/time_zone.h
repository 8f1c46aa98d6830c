// TimeZone: how far local time was ahead of UTC, by the zones of the IANA database or a fixed offset.
//
// Zones are read from /usr/share/zoneinfo (package tzdata) or the folder that TZDIR names. Thread safety: immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace gfr {

class TimeZone {
 public:
  // "Z", "UTC", "GMT", "+01:00", "+0100", "+01", or a zone of the database ("Europe/Berlin"). kInvalidArgument: it is
  // none of these, or the database is not installed.
  static Result<TimeZone> Open(const std::string& name);
  TimeZone();  // UTC.

  // The instant of a local time, given as the milliseconds since 1970-01-01 00:00 on the local clock. A local time that
  // a change of the clock makes twice is the first of the two; one that it skips is read by the offset before.
  std::int64_t ToUtcMs(std::int64_t local_ms) const;

  // The offset at an instant, in seconds.
  std::int64_t OffsetAt(std::int64_t utc_s) const;

 private:
  struct Rules;
  std::int64_t fixed_s_ = 0;
  std::shared_ptr<const Rules> rules_;  // None: the fixed offset.
};

}  // namespace gfr
