#include "base/time.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace gfr {
namespace {

// Days since 1970-01-01 of a civil date, and back (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
std::int64_t DaysFromCivil(std::int64_t y, int m, int d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct Civil {
  std::int64_t year;
  int month, day;
};

Civil CivilFromDays(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t doe = days - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  return {yoe + era * 400 + (month <= 2), month, static_cast<int>(doy - (153 * mp + 2) / 5 + 1)};
}

bool Digits(std::string_view& text, int count, int& out) {
  if (text.size() < static_cast<std::size_t>(count)) return false;
  out = 0;
  for (int i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::int64_t FloorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

}  // namespace

Result<std::int64_t> ParseTime(std::string_view text) {
  const Error invalid{
      ErrorCode::kInvalidArgument,
      "'" + std::string(text.substr(0, 64)) + "' is not a time; valid is RFC 3339, as in 2018-11-07T10:15:00Z"};
  int year, month, day, hour = 0, minute = 0, second = 0, zone_h = 0, zone_m = 0;
  std::int64_t millis = 0;
  if (!Digits(text, 4, year) || !Take(text, '-') || !Digits(text, 2, month) || !Take(text, '-') ||
      !Digits(text, 2, day))
    return invalid;
  static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || month < 1 || month > 12 || day < 1) return invalid;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day > kDays[month - 1] + (month == 2 && leap)) return invalid;
  std::int64_t zone_sign = 0;
  if (!text.empty()) {
    if (!Take(text, 'T') && !Take(text, 't') && !Take(text, ' ')) return invalid;
    if (!Digits(text, 2, hour) || !Take(text, ':') || !Digits(text, 2, minute) || !Take(text, ':') ||
        !Digits(text, 2, second))
      return invalid;
    if (hour > 23 || minute > 59 || second > 60) return invalid;
    if (Take(text, '.')) {
      int digits = 0;
      for (int scale = 100; !text.empty() && text[0] >= '0' && text[0] <= '9';
           text.remove_prefix(1), scale /= 10, ++digits) {
        millis += std::int64_t{text[0] - '0'} * scale;
      }
      if (digits == 0 || digits > 9) return invalid;
    }
    if (!Take(text, 'Z') && !Take(text, 'z')) {
      zone_sign = Take(text, '+') ? 1 : Take(text, '-') ? -1 : 0;
      if (zone_sign == 0 || !Digits(text, 2, zone_h) || !Take(text, ':') || !Digits(text, 2, zone_m)) return invalid;
      if (zone_h > 23 || zone_m > 59) return invalid;
    }
    if (!text.empty()) return invalid;
  }
  const std::int64_t days = DaysFromCivil(year, month, day);
  return days * kDayMs + hour * kHourMs + minute * kMinuteMs + second * kSecondMs + millis -
         zone_sign * (zone_h * kHourMs + zone_m * kMinuteMs);
}

namespace {

// `number` with as many digits, zeros in front.
void PutDigits(std::int64_t number, int digits, std::string* out) {
  char text[8];
  for (int k = digits - 1; k >= 0; --k, number /= 10) text[k] = static_cast<char>('0' + number % 10);
  out->append(text, static_cast<std::size_t>(digits));
}

void PutDate(std::int64_t time_ms, std::string* out) {
  const Civil c = CivilFromDays(FloorDiv(time_ms, kDayMs));
  if (c.year >= 0 && c.year < 10'000) {
    PutDigits(c.year, 4, out);
  } else {
    char text[32];
    std::snprintf(text, sizeof text, "%04lld", static_cast<long long>(c.year));
    *out += text;
  }
  *out += '-';
  PutDigits(c.month, 2, out);
  *out += '-';
  PutDigits(c.day, 2, out);
}

}  // namespace

std::string FormatDate(std::int64_t time_ms) {
  std::string text;
  PutDate(time_ms, &text);
  return text;
}

std::string FormatTime(std::int64_t time_ms) {
  const std::int64_t in_day = time_ms - FloorDiv(time_ms, kDayMs) * kDayMs;
  std::string text;
  text.reserve(32);
  PutDate(time_ms, &text);
  text += 'T';
  PutDigits(in_day / kHourMs, 2, &text);
  text += ':';
  PutDigits(in_day / kMinuteMs % 60, 2, &text);
  text += ':';
  PutDigits(in_day / 1000 % 60, 2, &text);
  if (in_day % 1000 != 0) {
    text += '.';
    PutDigits(in_day % 1000, 3, &text);
  }
  return text + 'Z';
}

Result<std::int64_t> ParseDuration(std::string_view text) {
  const Error invalid{ErrorCode::kInvalidArgument,
                      "'" + std::string(text.substr(0, 64)) +
                          "' is not a duration; valid is a whole number and ms, s, m, h, d or w, as in 30m"};
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || number < 0 || end == text.data()) return invalid;
  const std::string_view unit = text.substr(end - text.data());
  std::int64_t scale = unit == "ms"  ? 1
                       : unit == "s" ? kSecondMs
                       : unit == "m" ? kMinuteMs
                       : unit == "h" ? kHourMs
                       : unit == "d" ? kDayMs
                       : unit == "w" ? 7 * kDayMs
                                     : 0;
  if (unit.empty() && number == 0) scale = 1;
  if (scale == 0 || number > (std::int64_t{1} << 52) / scale) return invalid;
  return number * scale;
}

std::string FormatDuration(std::int64_t ms) {
  if (ms == 0) return "0";
  if (ms % kDayMs == 0) return std::to_string(ms / kDayMs) + "d";
  if (ms % kHourMs == 0) return std::to_string(ms / kHourMs) + "h";
  if (ms % kMinuteMs == 0) return std::to_string(ms / kMinuteMs) + "m";
  if (ms % kSecondMs == 0) return std::to_string(ms / kSecondMs) + "s";
  return std::to_string(ms) + "ms";
}

}  // namespace gfr
