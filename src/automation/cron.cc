#include "automation/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <vector>

#include "base/text.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr int kMostDays = 8 * 366 + 2;

struct CronField {
  const char* name;
  int low, high;
  std::vector<std::string_view> names = {};  // Of `low` and up.
};

const std::array<CronField, 5>& CronFields() {
  static const std::array<CronField, 5> fields{
      CronField{"minute", 0, 59}, CronField{"hour", 0, 23}, CronField{"day of the month", 1, 31},
      CronField{"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      CronField{"day of the week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}};
  return fields;
}

Error WrongField(const CronField& field, std::string_view text) {
  return {
      ErrorCode::kInvalidArgument,
      fmt::format("{} is no {} of a cron schedule; valid are *, {} to {}, ranges (1-5), lists (1,3) and steps (*/2)",
                  Quoted(text), field.name, field.low, field.high)};
}

std::optional<int> ReadCronValue(const CronField& field, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size())
    return value >= field.low && value <= field.high ? std::optional(value) : std::nullopt;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto named = std::ranges::find(field.names, lower);
  if (named == field.names.end()) return std::nullopt;
  return field.low + static_cast<int>(named - field.names.begin());
}

// One part of a list: "*", "3", "1-5", with "/2" behind.
Status AddCronPart(const CronField& field, std::string_view part, std::bitset<64>* out) {
  const std::size_t slash = part.find('/');
  const std::string_view range = part.substr(0, slash);
  int step = 1, from = field.low, to = field.high;
  if (slash != std::string_view::npos) {
    const std::string_view text = part.substr(slash + 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step < 1 || step > field.high)
      return WrongField(field, part);
  }
  if (range != "*") {
    const std::size_t dash = range.find('-');
    const auto first = ReadCronValue(field, range.substr(0, dash));
    if (!first) return WrongField(field, part);
    from = *first;
    if (dash != std::string_view::npos) {
      const auto last = ReadCronValue(field, range.substr(dash + 1));
      if (!last || *last < from) return WrongField(field, part);
      to = *last;
    } else if (slash == std::string_view::npos) {
      to = from;
    }
  }
  for (int value = from; value <= to; value += step) out->set(static_cast<std::size_t>(value));
  return {};
}

Result<std::bitset<64>> ReadCronField(const CronField& field, std::string_view text) {
  std::bitset<64> out;
  for (std::string_view left = text;;) {
    const std::size_t comma = left.find(',');
    GFR_TRY(AddCronPart(field, left.substr(0, comma), &out));
    if (comma == std::string_view::npos) return out;
    left.remove_prefix(comma + 1);
  }
}

std::int64_t FloorOf(std::int64_t value, std::int64_t unit) { return value / unit - (value % unit < 0 ? 1 : 0); }

std::int64_t LocalMs(std::int64_t utc_ms, const TimeZone& zone) {
  return utc_ms + 1000 * zone.OffsetAt(FloorOf(utc_ms, 1000));
}

}  // namespace

Result<CronSchedule> CronSchedule::Parse(std::string_view text) {
  std::string_view fields_text = Trimmed(text);
  for (const auto& [name, meaning] : {std::pair<std::string_view, std::string_view>{"@hourly", "0 * * * *"},
                                      {"@daily", "0 0 * * *"},
                                      {"@weekly", "0 0 * * 0"},
                                      {"@monthly", "0 0 1 * *"}}) {
    if (fields_text == name) fields_text = meaning;
  }
  std::vector<std::string_view> words;
  while (!fields_text.empty()) {
    const std::size_t end = std::min(fields_text.find_first_of(" \t"), fields_text.size());
    words.push_back(fields_text.substr(0, end));
    fields_text = Trimmed(fields_text.substr(end));
  }
  if (words.size() != 5)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("{} has {} fields; a cron schedule has five: minute, hour, day of the month, month, day of "
                    "the week (\"30 3 * * *\"), or is @hourly, @daily, @weekly or @monthly",
                    Quoted(text), words.size())};
  CronSchedule schedule;
  schedule.text_ = std::string(Trimmed(text));
  std::array<std::bitset<64>*, 5> out{&schedule.minutes_, &schedule.hours_, &schedule.days_, &schedule.months_,
                                      &schedule.weekdays_};
  for (std::size_t f = 0; f < out.size(); ++f) {
    GFR_ASSIGN(*out[f], ReadCronField(CronFields()[f], words[f]));
  }
  if (schedule.weekdays_.test(7)) schedule.weekdays_.set(0);
  schedule.any_day_ = words[2].starts_with('*');
  schedule.any_weekday_ = words[4].starts_with('*');
  return schedule;
}

bool CronSchedule::MatchesDay(std::int64_t local_day) const {
  const std::chrono::sys_days day{std::chrono::days(local_day)};
  const std::chrono::year_month_day date(day);
  if (!months_.test(static_cast<unsigned>(date.month()))) return false;
  const bool by_date = days_.test(static_cast<unsigned>(date.day())),
             by_weekday = weekdays_.test(std::chrono::weekday(day).c_encoding());
  return any_day_ || any_weekday_ ? by_date && by_weekday : by_date || by_weekday;
}

std::optional<std::int64_t> CronSchedule::NextOfDay(std::int64_t local_day, std::int64_t after_ms,
                                                    const TimeZone& zone) const {
  std::optional<std::int64_t> first;
  for (int minute = 0; minute < 24 * 60; ++minute) {
    if (!hours_.test(static_cast<std::size_t>(minute / 60)) || !minutes_.test(static_cast<std::size_t>(minute % 60)))
      continue;
    const std::int64_t at_ms = zone.ToUtcMs(local_day * kDayMs + minute * kMinuteMs);
    if (at_ms > after_ms && (!first || at_ms < *first)) first = at_ms;
  }
  return first;
}

std::optional<std::int64_t> CronSchedule::NextByTheClock(std::int64_t after_ms, const TimeZone& zone) const {
  std::int64_t at_ms = (FloorOf(after_ms, kMinuteMs) + 1) * kMinuteMs;
  const std::int64_t end_ms = at_ms + kMostDays * kDayMs;
  while (at_ms < end_ms) {
    const std::int64_t local_ms = LocalMs(at_ms, zone), day = FloorOf(local_ms, kDayMs);
    if (!MatchesDay(day)) {
      // By quarters of an hour: zones differ by these, and the clock is changed by no less.
      at_ms = (FloorOf(at_ms, kMinuteMs * 15) + 1) * kMinuteMs * 15;
    } else if (minutes_.test(static_cast<std::size_t>(FloorOf(local_ms, kMinuteMs) % 60))) {
      return at_ms;
    } else {
      at_ms += kMinuteMs;
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> CronSchedule::Next(std::int64_t after_ms, const TimeZone& zone) const {
  bool every_hour = true;
  for (std::size_t hour = 0; hour < 24; ++hour) every_hour &= hours_.test(hour);
  if (every_hour) return NextByTheClock(after_ms, zone);
  // From the day before: what its clock skipped may be due today.
  const std::int64_t day = FloorOf(LocalMs(after_ms, zone), kDayMs) - 1;
  for (int d = 0; d < kMostDays; ++d) {
    if (!MatchesDay(day + d)) continue;
    if (const auto at_ms = NextOfDay(day + d, after_ms, zone)) return at_ms;
  }
  return std::nullopt;
}

}  // namespace gfr
