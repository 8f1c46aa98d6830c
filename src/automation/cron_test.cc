#include "automation/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/time.h"

namespace gfr {
namespace {

using testing::HasSubstr;

std::vector<std::string> DueTimes(const std::string& cron, const std::string& zone, const std::string& after,
                                  int count) {
  const CronSchedule schedule = CronSchedule::Parse(cron).value();
  const TimeZone in = TimeZone::Open(zone).value();
  std::vector<std::string> times;
  std::int64_t at_ms = ParseTime(after).value();
  for (int k = 0; k < count; ++k) {
    at_ms = schedule.Next(at_ms, in).value();
    times.push_back(FormatTime(at_ms));
  }
  return times;
}

TEST(CronSchedule, GivesTheNextTimesOfTheZonesClock) {
  EXPECT_EQ(DueTimes("30 3 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", 2),
            (std::vector<std::string>{"2026-07-01T01:30:00Z", "2026-07-02T01:30:00Z"}));
  EXPECT_EQ(DueTimes("0 9 * * mon-fri", "UTC", "2026-11-27T09:00:00Z", 2),
            (std::vector<std::string>{"2026-11-30T09:00:00Z", "2026-12-01T09:00:00Z"}));
  EXPECT_EQ(DueTimes("0 0 29 feb *", "UTC", "2026-01-01", 1), std::vector<std::string>{"2028-02-29T00:00:00Z"});
  EXPECT_EQ(DueTimes("0 12 13 * 5", "UTC", "2026-11-06T12:00:00Z", 2),
            (std::vector<std::string>{"2026-11-13T12:00:00Z", "2026-11-20T12:00:00Z"}))
      << "either of two restricted days";
  EXPECT_EQ(DueTimes("@hourly", "+05:30", "2026-01-01T00:00:00Z", 1), std::vector<std::string>{"2026-01-01T00:30:00Z"});
}

TEST(CronSchedule, ASkippedTimeIsDueLaterAndADoubledOneOnce) {
  EXPECT_EQ(DueTimes("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            (std::vector<std::string>{"2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}));
  EXPECT_EQ(DueTimes("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            (std::vector<std::string>{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}));
  EXPECT_EQ(DueTimes("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 4),
            (std::vector<std::string>{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z",
                                      "2026-10-25T03:00:00Z"}))
      << "every hour is every hour";
}

// What is due of a year by the C library's local time, minute by minute.
std::set<std::int64_t> DueByTheLibrary(bool every_hour, const std::set<int>& hours, const std::set<int>& minutes,
                                       std::int64_t from_s, std::int64_t to_s) {
  std::set<std::int64_t> due;
  std::map<std::int64_t, std::int64_t> first;  // By minute of the local clock: when it is shown first.
  std::int64_t shown_before = -1;
  for (std::int64_t s = from_s; s < to_s; s += 60) {
    const std::time_t at = s;
    std::tm local{};
    ::localtime_r(&at, &local);
    const std::int64_t shown = (s + local.tm_gmtoff) / 60;
    const auto wanted = [&](std::int64_t minute) {
      return hours.contains(static_cast<int>(minute / 60 % 24)) && minutes.contains(static_cast<int>(minute % 60));
    };
    if (every_hour) {
      if (wanted(shown)) due.insert(s * 1000);
      continue;
    }
    for (std::int64_t skipped = shown_before + 1; shown_before >= 0 && skipped < shown; ++skipped)
      if (wanted(skipped)) due.insert((s + (skipped - shown_before - 1) * 60) * 1000);
    if (wanted(shown) && first.try_emplace(shown, s).second) due.insert(s * 1000);
    shown_before = shown;
  }
  return due;
}

TEST(CronSchedule, AgreesWithTheLibrarysClockOverAYearOfEveryZone) {
  const std::set<int> every_hour = [] {
    std::set<int> hours;
    for (int h = 0; h < 24; ++h) hours.insert(h);
    return hours;
  }();
  const std::int64_t from_s = ParseTime("2026-01-01").value() / 1000, to_s = ParseTime("2027-01-01").value() / 1000;
  const char* before = std::getenv("TZ");
  const std::string kept = before != nullptr ? before : "";
  for (const char* name :
       {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"}) {
    ::setenv("TZ", name, 1);
    ::tzset();
    const TimeZone zone = TimeZone::Open(name).value();
    for (const auto& [cron, hours, minutes] :
         {std::tuple<std::string, std::set<int>, std::set<int>>{"30 2 * * *", {2}, {30}},
          {"0,15 0-3 * * *", {0, 1, 2, 3}, {0, 15}},
          {"*/20 * * * *", every_hour, {0, 20, 40}},
          {"59 23 * * *", {23}, {59}}}) {
      const bool all = hours.size() == 24;
      const auto wanted = DueByTheLibrary(all, hours, minutes, from_s, to_s);
      std::set<std::int64_t> given;
      const CronSchedule schedule = CronSchedule::Parse(cron).value();
      for (std::int64_t at = from_s * 1000 - 1; (at = schedule.Next(at, zone).value()) < to_s * 1000;) given.insert(at);
      EXPECT_EQ(given, wanted) << cron << " in " << name;
    }
  }
  before != nullptr ? ::setenv("TZ", kept.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
}

TEST(CronSchedule, WhatIsNoneIsRefusedWithTheFieldThatIsWrong) {
  for (const auto& [text, says] : {std::pair{"* * * *", "has 4 fields"},
                                   {"60 * * * *", "no minute"},
                                   {"* 24 * * *", "no hour"},
                                   {"* * 0 * *", "no day of the month"},
                                   {"* * * foo *", "no month"},
                                   {"* * * * 8", "no day of the week"},
                                   {"5-1 * * * *", "no minute"},
                                   {"*/0 * * * *", "no minute"},
                                   {"1,, * * * *", "no minute"},
                                   {"@never", "has 1 fields"}})
    EXPECT_THAT(CronSchedule::Parse(text).error().message, HasSubstr(says)) << text;
  EXPECT_FALSE(CronSchedule::Parse("0 0 30 2 *").value().Next(0, TimeZone())) << "30 February";
}

}  // namespace
}  // namespace gfr
