#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "feature/test_view.h"

namespace gfr {
namespace {

float Of(const std::string& property, std::int64_t now_ms) {
  return TestView("type = \"context\"\nproperty = \"" + property + "\"\n").Read(now_ms)[0];
}

TEST(Context, KnowsTheHourTheDayAndTheMonth) {
  const std::int64_t thursday = 1'709'251'199'000;  // 2024-02-29T23:59:59Z was a Thursday; a second on it is March.
  EXPECT_EQ(Of("local_hour", thursday), 23);
  EXPECT_EQ(Of("day_of_week", thursday), 3);
  EXPECT_EQ(Of("month", thursday), 2);
  EXPECT_EQ(Of("month", thursday + 1000), 3);
  EXPECT_EQ(Of("day_of_week", thursday + 1000), 4);
  EXPECT_EQ(Of("is_weekend", thursday + 1000), 0);
  EXPECT_EQ(Of("is_weekend", thursday + 1000 + kDayMs), 1);
  EXPECT_EQ(Of("local_hour", -1), 23);
  EXPECT_EQ(Of("day_of_week", -1), 2);  // 1969-12-31 was a Wednesday.
  EXPECT_EQ(Of("month", -1), 12);
}

TEST(Context, KnowsTheSurface) {
  TestView h("type = \"context\"\nproperty = \"surface\"\n");
  EXPECT_TRUE(h.view().spec().categorical);
  EXPECT_TRUE(std::isnan(h.Read(0)[0]));
  h.surface = KeyOf("home");
  EXPECT_EQ(h.Read(0)[0], CategoryCode(KeyOf("home")));
}

TEST(Context, NamesWhatIsValid) {
  EXPECT_THAT(
      ErrorOf("type = \"context\"\nproperty = \"town\"\n"),
      testing::AllOf(testing::HasSubstr("gfr.toml:"), testing::HasSubstr("city, local_hour, day_of_week, month")));
  EXPECT_THAT(ErrorOf("type = \"property\"\nproperty = \"colour\"\n"),
              testing::AllOf(testing::HasSubstr("[item]"), testing::HasSubstr("price, category, released")));
  EXPECT_THAT(ErrorOf("type = \"age\"\nproperty = \"category\"\n"),
              testing::AllOf(testing::HasSubstr("not a number"), testing::HasSubstr("price, released")));
}

}  // namespace
}  // namespace gfr
