#include "monitor/monitor_config.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

Result<MonitorConfig> ReadText(const std::string& text) {
  GFR_ASSIGN(Config project, Config::Parse(text, "gfr.toml"));
  return MonitorConfig::Read(project);
}

TEST(MonitorConfig, HasDefaultsAndReadsEachKey) {
  EXPECT_EQ(ReadText("").value().options.false_alerts, 1);
  const MonitorConfig config =
      ReadText(
          "[monitor]\nwindow = \"2h\"\nprior_window = \"12h\"\nmin_rows = 9\nfalse_alerts = 0.5\n"
          "[[monitor.silence]]\nname = \"price\"\nuntil = \"2026-01-02\"\n[[monitor.silence]]\nname = \"pctr\"\n")
          .value();
  EXPECT_EQ(config.options.period_ms, 2 * kHourMs);
  EXPECT_EQ(config.options.prior_period_ms, 12 * kHourMs);
  EXPECT_EQ(config.options.min_rows, 9u);
  EXPECT_EQ(config.options.false_alerts, 0.5);
  const std::int64_t until_ms = ParseTime("2026-01-02").value();
  const auto left = [&](const std::string& name, std::int64_t now_ms) {
    std::vector<DriftAlert> alerts{{.name = name, .text = "it drifts"}};
    std::vector<std::string> notes;
    config.LeaveOutSilenced(now_ms, &alerts, &notes);
    EXPECT_EQ(alerts.size() + notes.size(), 1u);
    return !alerts.empty();
  };
  EXPECT_FALSE(left("price", until_ms - 1));
  EXPECT_TRUE(left("price", until_ms));
  EXPECT_FALSE(left("pctr", INT64_MAX - 1));
  EXPECT_TRUE(left("rating", 0));
}

TEST(MonitorConfig, NamesTheKeyThatIsWrong) {
  for (const char* text :
       {"[monitor]\nwindow = \"5h\"\n", "[monitor]\nwindow = \"30m\"\n", "[monitor]\nprior_window = \"2d\"\n"}) {
    const auto read = ReadText(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_NE(read.error().message.find("valid are 1h, 2h"), std::string::npos) << read.error().message;
  }
  EXPECT_FALSE(ReadText("[monitor]\nwindows = 3\n").ok());
  EXPECT_FALSE(ReadText("[monitor.webhook]\nurl = \"ftp://a.b\"\n").ok());
  EXPECT_FALSE(ReadText("[monitor.webhook]\nurl = \"https://a.b\"\nsecret_env = \"\"\n").ok());
  EXPECT_EQ(ReadText("[monitor.webhook]\nurl = \"https://a.b\"\nsecret_env = \"S\"\n").value().webhook->secret_env,
            "S");
  EXPECT_FALSE(ReadText("[[monitor.silence]]\nuntil = \"2026-01-01\"\n").ok());
  EXPECT_FALSE(ReadText("[[monitor.silence]]\nname = \"price\"\nuntil = \"soon\"\n").ok());
}

}  // namespace
}  // namespace gfr
