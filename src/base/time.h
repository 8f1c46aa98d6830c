// Time and durations as text: RFC 3339 instants and "30m", "7d". All instants are milliseconds since 1970-01-01 UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

inline constexpr std::int64_t kSecondMs = 1000;
inline constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
inline constexpr std::int64_t kHourMs = 60 * kMinuteMs;
inline constexpr std::int64_t kDayMs = 24 * kHourMs;

// "2018-11-07T10:15:00Z", "...00.250+01:00", "2018-11-07 10:15:00Z", or a date alone (its midnight, UTC). Years 1970 to
// 9999.
Result<std::int64_t> ParseTime(std::string_view text);

// "2018-11-07T10:15:00Z", with milliseconds only when there are any.
std::string FormatTime(std::int64_t time_ms);

// "2018-11-07" of an instant, and its UTC hour of day.
std::string FormatDate(std::int64_t time_ms);

// A whole number and one of ms, s, m, h, d, w ("30m"); "0" is valid, negative is not.
Result<std::int64_t> ParseDuration(std::string_view text);

// The largest unit that divides it: "30m", "7d".
std::string FormatDuration(std::int64_t duration_ms);

}  // namespace gfr
