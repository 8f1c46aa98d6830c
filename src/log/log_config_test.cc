#include "log/log_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time.h"

namespace gfr {
namespace {

Result<LogConfig> Read(const std::string& text) {
  auto config = Config::Parse(text, "gfr.toml");
  return LogConfig::Read(config.value());
}

TEST(LogConfig, KeepsAllOfTheLogUnlessToldOtherwise) {
  EXPECT_EQ(Read("").value().keep_ms, 0);
  EXPECT_TRUE(Read("").value().Check(900 * kDayMs, kDayMs, 900 * kDayMs).ok());
  EXPECT_EQ(Read("[log]\nkeep = \"400d\"\n").value().keep_ms, 400 * kDayMs);
  EXPECT_FALSE(Read("[log]\nkept = \"400d\"\n").ok());
}

TEST(LogConfig, RefusesToKeepLessThanATrainingNeedsAndSaysTheSum) {
  const LogConfig log = Read("[log]\nkeep = \"120d\"\ntrain_range = \"30d\"\n").value();
  EXPECT_TRUE(log.Check(89 * kDayMs, kDayMs, 120 * kDayMs).ok());
  const Status refused = log.Check(90 * kDayMs, kDayMs, 0);
  ASSERT_FALSE(refused.ok());
  for (const char* part : {"120d", "121d", "90d", "1d", "30d"})
    EXPECT_THAT(refused.error().message, testing::HasSubstr(part));
}

TEST(LogConfig, RefusesToKeepLessThanAnExperimentsMetricTakes) {
  const LogConfig log = Read("[log]\nkeep = \"35d\"\ntrain_range = \"1d\"\n").value();
  EXPECT_TRUE(log.Check(kDayMs, kDayMs, 35 * kDayMs).ok());
  const Status refused = log.Check(kDayMs, kDayMs, 36 * kDayMs);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, testing::HasSubstr("keep is 35d, and 36d are needed by experiments"));
}

}  // namespace
}  // namespace gfr
