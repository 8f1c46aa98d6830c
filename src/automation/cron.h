// CronSchedule: when a job is due, by the five fields of crontab(5), in a time zone.
//
//   minute  hour  day-of-month  month  day-of-week        "30 3 * * *": at 03:30 each day
// A field is "*", a number, a range "1-5", a list "1,15", each with a step "*/10"; months and days of the week also
// by their first three letters; 0 and 7 are Sunday. With both days restricted, either matches. "@hourly", "@daily",
// "@weekly" and "@monthly" stand for the fields that they mean.
//
// Where the zone's clock is changed: a time that it skips is due as much later as was skipped, and one that it makes
// twice is due once, the first time. A schedule of every hour ("*" in that field) goes by the clock as it is shown, so
// that no hour is without it. Thread safety: immutable.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time_zone.h"

namespace gfr {

class CronSchedule {
 public:
  // kInvalidArgument says which field is wrong and what is valid.
  static Result<CronSchedule> Parse(std::string_view text);

  // The first instant after `after_ms` that is due; none within eight years (30 February).
  std::optional<std::int64_t> Next(std::int64_t after_ms, const TimeZone& zone) const;
  const std::string& text() const { return text_; }

 private:
  bool MatchesDay(std::int64_t local_day) const;  // Days since 1970-01-01.
  std::optional<std::int64_t> NextByTheClock(std::int64_t after_ms, const TimeZone& zone) const;
  // The earliest instant after `after_ms` among those that a local day has.
  std::optional<std::int64_t> NextOfDay(std::int64_t local_day, std::int64_t after_ms, const TimeZone& zone) const;

  std::string text_;
  std::bitset<64> minutes_, hours_, days_, months_, weekdays_;
  bool any_day_ = false, any_weekday_ = false;
};

}  // namespace gfr
