#include "base/time_format.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/number_text.h"
#include "base/text.h"
#include "base/time.h"

namespace gfr {
namespace {

struct Unit {
  std::string_view name, words;
  std::int64_t ns;
};
constexpr std::array<Unit, 4> kTimeUnits = {{{"s", "seconds", 1'000'000'000},
                                         {"ms", "milliseconds", 1'000'000},
                                         {"us", "microseconds", 1000},
                                         {"ns", "nanoseconds", 1}}};

// What a number since 1970 can be, to tell units apart: 1990 to 2100.
constexpr std::int64_t kLowMs = 631'152'000'000, kHighMs = 4'102'444'800'000;

void SkipBlanks(std::string_view& text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
}

// `least` to `most` digits.
bool Digits(std::string_view& text, std::size_t least, std::size_t most, int* out) {
  std::size_t n = 0;
  for (*out = 0; n < most && n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n)
    *out = *out * 10 + (text[n] - '0');
  text.remove_prefix(n);
  return n >= least;
}

// A fraction of a second, to milliseconds, rounded down; at least one digit.
bool Fraction(std::string_view& text, int* ms) {
  std::size_t n = 0;
  int scale = 100;
  for (*ms = 0; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n, scale /= 10) *ms += (text[n] - '0') * scale;
  text.remove_prefix(n);
  return n > 0;
}

// "; it looks like seconds since 1970, which is ...", of a plausible number.
std::string UnitItLooksLike(std::string_view text) {
  double number = 0;
  if (!ParseNumber(text, &number)) return "";
  for (const Unit& unit : kTimeUnits) {
    const double ms = number * (static_cast<double>(unit.ns) / 1e6);
    if (ms > static_cast<double>(kLowMs) && ms < static_cast<double>(kHighMs))
      return "; it looks like " + std::string(unit.words) + " since 1970 (" +
             FormatTime(static_cast<std::int64_t>(ms)) + "): time_format = \"" + std::string(unit.name) + "\"";
  }
  return "";
}

struct Local {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, ms = 0;
  std::string zone;  // Empty: it names none.

  bool ToMs(const TimeZone& otherwise, std::int64_t* out) const {
    if (year < 0 || year > 9999 || month < 0 || month > 99 || day < 0 || day > 99) return false;
    char text[10];
    const auto put = [&text](std::size_t at, std::size_t digits, int number) {
      for (; digits > 0; number /= 10) text[at + --digits] = static_cast<char>('0' + number % 10);
    };
    text[4] = text[7] = '-';
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    const auto midnight = ParseTime({text, sizeof text});
    if (!midnight.ok() || hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute > 0 || second > 0)))
      return false;
    const std::int64_t local = midnight.value() + hour * kHourMs + minute * kMinuteMs + second * kSecondMs + ms;
    if (zone.empty()) {
      *out = otherwise.ToUtcMs(local);
      return true;
    }
    const auto named = TimeZone::Open(zone);
    if (!named.ok()) return false;
    *out = named.value().ToUtcMs(local);
    return true;
  }
};

bool ParseRfc3339(std::string_view text, Local* t) {
  const auto take = [&](char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
  };
  if (!Digits(text, 4, 4, &t->year) || !take('-') || !Digits(text, 2, 2, &t->month) || !take('-') ||
      !Digits(text, 2, 2, &t->day))
    return false;
  if (text.empty()) return true;
  if (!take('T') && !take('t') && !take(' ')) return false;
  if (!Digits(text, 1, 2, &t->hour)) return false;
  if (take(':')) {
    if (!Digits(text, 2, 2, &t->minute)) return false;
    if (take(':')) {
      if (!Digits(text, 2, 2, &t->second)) return false;
      if ((take('.') || take(',')) && !Fraction(text, &t->ms)) return false;
    }
  }
  SkipBlanks(text);
  t->zone = text;
  return t->hour <= 23 && text.find('/') == std::string_view::npos;
}

bool MonthName(std::string_view& text, int* month) {
  static constexpr std::array<std::string_view, 12> kNames = {"january",   "february", "march",    "april",
                                                              "may",       "june",     "july",     "august",
                                                              "september", "october",  "november", "december"};
  std::string letters;
  while (letters.size() < text.size() && ((text[letters.size()] | 32) >= 'a') && ((text[letters.size()] | 32) <= 'z'))
    letters += static_cast<char>(text[letters.size()] | 32);
  for (std::size_t m = 0; m < kNames.size(); ++m) {
    if (letters != kNames[m] && letters != kNames[m].substr(0, 3)) continue;
    *month = static_cast<int>(m) + 1;
    text.remove_prefix(letters.size());
    return true;
  }
  return false;
}

// One directive of strptime. False: the text has not what it asks for.
bool Directive(char what, bool number_follows, std::string_view& text, Local* t, int* half, std::int64_t* epoch_s) {
  const std::size_t least = number_follows ? 2 : 1;
  int value = 0;
  switch (what) {
    case 'Y':
      return Digits(text, 4, 4, &t->year);
    case 'y':
      if (!Digits(text, 2, 2, &value)) return false;
      t->year = value + (value < 69 ? 2000 : 1900);
      return true;
    case 'm':
      return Digits(text, least, 2, &t->month);
    case 'd':
      return Digits(text, least, 2, &t->day);
    case 'H':
    case 'I':
      return Digits(text, least, 2, &t->hour);
    case 'M':
      return Digits(text, least, 2, &t->minute);
    case 'S':
      return Digits(text, least, 2, &t->second);
    case 'f':
      return Fraction(text, &t->ms);
    case 'b':
      return MonthName(text, &t->month);
    case 'p':
      if (text.size() < 2 || (text[1] | 32) != 'm' || ((text[0] | 32) != 'a' && (text[0] | 32) != 'p')) return false;
      *half = (text[0] | 32) == 'p' ? 2 : 1;
      text.remove_prefix(2);
      return true;
    case 'z': {
      const std::size_t end = std::min(text.find(' '), text.size());
      t->zone = text.substr(0, end);
      text.remove_prefix(end);
      return end > 0;
    }
    case 's': {
      const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *epoch_s);
      if (code != std::errc{}) return false;
      text.remove_prefix(static_cast<std::size_t>(end - text.data()));
      return true;
    }
    default:
      return false;
  }
}

bool ParseBy(std::string_view format, std::string_view text, Local* t, std::int64_t* epoch_s) {
  int half = 0;
  while (!format.empty()) {
    if (format[0] == '%' && format.size() > 1) {
      const char what = format[1];
      format.remove_prefix(2);
      if (what == '%') {
        if (!text.starts_with('%')) return false;
        text.remove_prefix(1);
      } else if (!Directive(what, format.starts_with('%') && !format.starts_with("%p") && !format.starts_with("%z"),
                            text, t, &half, epoch_s)) {
        return false;
      }
    } else if (format[0] == ' ') {
      format.remove_prefix(1);
      SkipBlanks(text);
    } else {
      if (!text.starts_with(format[0])) return false;
      format.remove_prefix(1);
      text.remove_prefix(1);
    }
  }
  if (half != 0) {
    if (t->hour < 1 || t->hour > 12) return false;
    t->hour = t->hour % 12 + (half == 2 ? 12 : 0);
  }
  SkipBlanks(text);
  return text.empty();
}

}  // namespace

Result<TimeFormat> TimeFormat::Make(const std::string& format, const TimeZone& zone) {
  TimeFormat made;
  made.format_ = format;
  made.zone_ = zone;
  if (format == "rfc3339") return made;
  for (const Unit& unit : kTimeUnits) {
    if (format == unit.name) made.unit_ns_ = unit.ns;
  }
  if (made.unit_ns_ > 0) return made;
  bool known = format.find('%') != std::string::npos;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    known =
        known && ++i < format.size() && std::string_view("YymdHIMSfpbzs%").find(format[i]) != std::string_view::npos;
  }
  const auto has = [&](const char* what) { return format.find(what) != std::string::npos; };
  const bool date = has("%s") || ((has("%Y") || has("%y")) && (has("%m") || has("%b")) && has("%d"));
  if (!known || !date) {
    return Error{ErrorCode::kInvalidArgument,
                 Quoted(format) +
                     " is not a time format; valid are rfc3339, s, ms, us, ns, and formats such as "
                     "\"%d/%m/%Y %H:%M\" with %Y %y %m %d %H %I %M %S %f %p %b %z %s"};
  }
  return made;
}

Result<std::int64_t> TimeFormat::ParseEpoch(std::string_view text) const {
  double number = 0;
  std::int64_t whole = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), whole);
  const bool exact = code == std::errc{} && end == text.data() + text.size();
  if (!exact && !ParseNumber(text, &number))
    return Error{ErrorCode::kInvalidArgument,
                 "time " + Quoted(text) + " is not a number of " + format_ + " since 1970"};
  if (exact) number = static_cast<double>(whole);
  const auto in = [&](std::int64_t unit_ns) { return number * (static_cast<double>(unit_ns) / 1e6); };
  const double ms = in(unit_ns_);
  if (ms < static_cast<double>(kLowMs) || ms > static_cast<double>(kHighMs)) {
    std::string why = "time " + Quoted(text) + " is implausible as " + format_ + " since 1970";
    if (ms >= 0 && ms < 2.5e14) why += " (" + FormatTime(static_cast<std::int64_t>(ms)) + ")";
    for (const Unit& unit : kTimeUnits) {
      const double guess = in(unit.ns);
      if (guess > static_cast<double>(kLowMs) && guess < static_cast<double>(kHighMs))
        return Error{ErrorCode::kInvalidArgument, why + "; as " + std::string(unit.words) + " it is " +
                                                      FormatTime(static_cast<std::int64_t>(guess)) +
                                                      ": time_format = \"" + std::string(unit.name) + "\""};
    }
    return Error{ErrorCode::kInvalidArgument, why + "; valid are times of 1990 to 2099"};
  }
  if (!exact) return static_cast<std::int64_t>(ms);
  return unit_ns_ >= 1'000'000 ? whole * (unit_ns_ / 1'000'000) : whole / (1'000'000 / unit_ns_);
}

Result<std::int64_t> TimeFormat::Parse(std::string_view text) const {
  SkipBlanks(text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.empty()) return Error{ErrorCode::kInvalidArgument, "time is missing"};
  if (unit_ns_ > 0) return ParseEpoch(text);
  Local local;
  std::int64_t ms = 0, epoch_s = INT64_MIN;
  if (format_ == "rfc3339") {
    if (ParseRfc3339(text, &local) && local.ToMs(zone_, &ms)) return ms;
    return Error{ErrorCode::kInvalidArgument,
                 "time " + Quoted(text) +
                     " is not rfc3339, as 2018-11-07T10:15:00Z or 2018-11-07 10:15; other forms "
                     "are declared, as time_format = \"%d/%m/%Y %H:%M\" or \"ms\"" +
                     UnitItLooksLike(text)};
  }
  if (ParseBy(format_, text, &local, &epoch_s)) {
    if (epoch_s != INT64_MIN && std::abs(epoch_s) < 250'000'000'000) return epoch_s * 1000 + local.ms;
    if (epoch_s == INT64_MIN && local.ToMs(zone_, &ms)) return ms;
  }
  return Error{ErrorCode::kInvalidArgument, "time " + Quoted(text) + " is not of the form " + format_};
}

}  // namespace gfr
