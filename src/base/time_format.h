// TimeFormat: the times of a foreign file as instants, by one declared format.
//
//   "rfc3339"            2018-11-07T10:15:00Z and what systems make of it: a blank for the T, no seconds, an hour
//   alone, a
//                        date alone; the zone as Z, UTC, +01:00, +0100 or +01, with a blank before it or without
//   "s", "ms", "us", "ns"  a number since 1970
//   "%d/%m/%Y %H:%M"     as strptime: %Y %y %m %d %H %I %M %S %f %p %b %z %s %%, a blank for any blanks; %d, %m, %H,
//   %I,
//                        %M and %S take one or two digits (two where another number follows at once)
// Thread safety: immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time_zone.h"

namespace gfr {

class TimeFormat {
 public:
  // kInvalidArgument: the format is none of these, or names no date.
  static Result<TimeFormat> Make(const std::string& format, const TimeZone& zone);
  TimeFormat() = default;  // rfc3339, UTC.

  // Milliseconds since 1970, rounded down; a time that names no zone is the zone's. kInvalidArgument: what was found
  // and what is valid; of numbers the unit they look like.
  Result<std::int64_t> Parse(std::string_view text) const;

  const std::string& text() const { return format_; }

 private:
  Result<std::int64_t> ParseEpoch(std::string_view text) const;

  std::string format_ = "rfc3339";
  std::int64_t unit_ns_ = 0;  // Of numbers since 1970.
  TimeZone zone_;
};

}  // namespace gfr
