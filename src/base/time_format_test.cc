#include "base/time_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time.h"

namespace gfr {
namespace {

// What a text is by a format and a zone: RFC 3339, or the message.
std::string Read(const std::string& text, const std::string& format = "rfc3339", const std::string& zone = "Z") {
  const auto z = TimeZone::Open(zone);
  if (!z.ok()) return z.error().message;
  const auto f = TimeFormat::Make(format, z.value());
  if (!f.ok()) return f.error().message;
  const auto ms = f.value().Parse(text);
  return ms.ok() ? FormatTime(ms.value()) : ms.error().message;
}

TEST(TimeFormatTest, ReadsWhatSystemsMakeOfRfc3339) {
  for (const char* text :
       {"2026-01-01T10:00:00Z", "2026-01-01 10:00:00 UTC", "2026-01-01 10:00:00UTC", "2026-01-01T10:00:00+0000",
        "2026-01-01T11:00:00+01", "2026-01-01 11:00:00 +01:00", "2026-01-01T10:00Z", "2026-01-01 10",
        " 2026-01-01 10:00 ", "2026-01-01 10:00:00.000000000", "2026-01-01T10:00:00,0Z", "2026-01-01T07:30:00-0230"})
    EXPECT_EQ(Read(text), "2026-01-01T10:00:00Z") << text;
  EXPECT_EQ(Read("2026-01-01T10:00:00.123456789Z"), "2026-01-01T10:00:00.123Z");
  EXPECT_EQ(Read("2026-01-01"), "2026-01-01T00:00:00Z");
  for (const char* text : {"", "soon", "1/2/2026 10:00", "2026-13-01", "2026-01-01T25:00:00Z", "2026-01-01 10:00 MEZ",
                           "2026-01-01T10:00:00+1", "2026-02-30"})
    EXPECT_THAT(Read(text), testing::StartsWith("time ")) << text;
}

TEST(TimeFormatTest, ATimeWithoutAZoneIsTheDeclaredZones) {
  EXPECT_EQ(Read("2026-01-01 01:00", "rfc3339", "+01:00"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(Read("2026-01-01T01:00Z", "rfc3339", "+01:00"), "2026-01-01T01:00:00Z");
  if (!TimeZone::Open("Europe/Berlin").ok()) GTEST_SKIP() << "tzdata is not installed";
  EXPECT_EQ(Read("2026-01-15 12:00", "rfc3339", "Europe/Berlin"), "2026-01-15T11:00:00Z");
  EXPECT_EQ(Read("2026-07-15 12:00", "rfc3339", "Europe/Berlin"), "2026-07-15T10:00:00Z");
  EXPECT_EQ(Read("1995-07-15 12:00", "rfc3339", "Europe/Berlin"), "1995-07-15T10:00:00Z");
  EXPECT_EQ(Read("2026-03-29 02:30", "rfc3339", "Europe/Berlin"), "2026-03-29T01:30:00Z") << "skipped by the clock";
  EXPECT_EQ(Read("2026-10-25 02:30", "rfc3339", "Europe/Berlin"), "2026-10-25T00:30:00Z") << "the first of two";
  EXPECT_EQ(Read("2026-01-15 12:00", "rfc3339", "America/New_York"), "2026-01-15T17:00:00Z");
  EXPECT_EQ(Read("2026-01-15 12:00", "rfc3339", "Australia/Sydney"), "2026-01-15T01:00:00Z") << "summer";
  EXPECT_EQ(Read("2026-07-15 12:00", "rfc3339", "Asia/Kolkata"), "2026-07-15T06:30:00Z");
  EXPECT_THAT(Read("2026-01-01", "rfc3339", "Europe/Atlantis"), testing::HasSubstr("is not a time zone"));
  EXPECT_THAT(Read("2026-01-01", "rfc3339", "../passwd"), testing::HasSubstr("is not a time zone"));
}

TEST(TimeFormatTest, ANameOfAFolderOfZonesIsNoZone) {
  for (const char* name : {"US", "Europe", "America", "Etc/"}) {
    EXPECT_THAT(Read("2026-01-01", "rfc3339", name), testing::HasSubstr("is not a time zone")) << name;
    EXPECT_THAT(Read("2026-01-01 10:00 " + std::string(name)), testing::StartsWith("time ")) << name;
  }
}

TEST(TimeFormatTest, ReadsNumbersSince1970AndSaysWhichUnitTheyLookLike) {
  for (const auto& [text, unit] :
       {std::pair("1767261600", "s"), std::pair("1767261600.5", "s"), std::pair("1767261600000", "ms"),
        std::pair("1.7672616e12", "ms"), std::pair("1767261600000000", "us"), std::pair("1767261600000000999", "ns")})
    EXPECT_THAT(Read(text, unit), testing::StartsWith("2026-01-01T10:00:00")) << text;
  for (const auto& [text, unit, guess] :
       {std::tuple("1767261600", "ms", "s"), std::tuple("1767261600000", "s", "ms"),
        std::tuple("1767261600000000000", "us", "ns"), std::tuple("1767261600000", "us", "ms")}) {
    EXPECT_THAT(Read(text, unit), testing::AllOf(testing::HasSubstr("is implausible as " + std::string(unit)),
                                                 testing::HasSubstr("time_format = \"" + std::string(guess) + "\"")));
  }
  EXPECT_THAT(Read("-5", "s"), testing::HasSubstr("valid are times of 1990 to 2099"));
  EXPECT_THAT(Read("soon", "s"), testing::HasSubstr("is not a number of s since 1970"));
}

TEST(TimeFormatTest, ReadsADeclaredForm) {
  EXPECT_EQ(Read("12/1/2010 8:26", "%m/%d/%Y %H:%M"), "2010-12-01T08:26:00Z");
  EXPECT_EQ(Read("20171125", "%Y%m%d"), "2017-11-25T00:00:00Z");
  EXPECT_EQ(Read("20171125 9", "%Y%m%d %H"), "2017-11-25T09:00:00Z");
  EXPECT_EQ(Read("01-Dec-09 7:45 PM", "%d-%b-%y %I:%M %p"), "2009-12-01T19:45:00Z");
  EXPECT_EQ(Read("1.2.2026 10:00:00.250 +0100", "%d.%m.%Y %H:%M:%S.%f %z"), "2026-02-01T09:00:00.250Z");
  EXPECT_THAT(Read("13/13/2010 8:26", "%m/%d/%Y %H:%M"), testing::HasSubstr("is not of the form"));
  EXPECT_THAT(Read("1/1/2010 8:26 x", "%m/%d/%Y %H:%M"), testing::HasSubstr("is not of the form"));
  EXPECT_THAT(Read("x", "%H:%M"), testing::HasSubstr("is not a time format"));
  EXPECT_THAT(Read("x", "%Q%Y%m%d"), testing::HasSubstr("is not a time format"));
}

}  // namespace
}  // namespace gfr
