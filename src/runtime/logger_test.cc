#include "runtime/logger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gfr {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

TEST(LoggerTest, ATextLineHasTimeLevelComponentMessageRequestAndFields) {
  const LogCapture capture;
  {
    const LogRequest request("r-1");
    LogWarning("registry", "a lease cannot be read",
               {{"lease", "host 1"}, {"age_s", 3}, {"share", 0.5}, {"ok", false}});
  }
  LogInfo("serve", "ready");
  EXPECT_THAT(capture.text(),
              MatchesRegex("20[0-9T:.-]+Z warning registry: a lease cannot be read request_id=r-1 lease=\"host 1\" "
                           "age_s=3 share=0.5 ok=false\n20[0-9T:.-]+Z info serve: ready\n"));
}

TEST(LoggerTest, AJsonLineIsOneObject) {
  const LogCapture capture(LogFormat::kJson);
  const LogRequest request("r-2");
  LogError("log", "cannot write", {{"path", "a\nb"}, {"bytes", std::uint64_t{7}}});
  const auto json = nlohmann::json::parse(capture.text());
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["component"], "log");
  EXPECT_EQ(json["request_id"], "r-2");
  EXPECT_EQ(json["path"], "a\nb");
  EXPECT_EQ(json["bytes"], 7);
}

TEST(LoggerTest, AUsersIdIsLeftOut) {
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const LogCapture capture(format);
    LogInfo("serve", "a feed", {{"user_id", "alice"}, {"anonymous_id", "bob"}, {"surface", "home"}});
    EXPECT_THAT(capture.text(), HasSubstr("home"));
    EXPECT_THAT(capture.text(), Not(HasSubstr("alice")));
    EXPECT_THAT(capture.text(), Not(HasSubstr("bob")));
  }
}

TEST(LoggerTest, WhatAPeerSentMakesNoSecondLine) {
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const LogCapture capture(format);
    LogInfo("serve", "said\n2026 error serve: forged", {{"by", "x\n2026 error serve: forged \xff"}});
    const std::string text = capture.text();
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  }
}

TEST(LoggerTest, WhatIsBelowTheLevelIsNotWritten) {
  const LogCapture capture;
  Log(LogLevel::kDebug, "serve", "detail");
  ConfigureLog(LogFormat::kText, LogLevel::kDebug);
  Log(LogLevel::kDebug, "serve", "more detail");
  ConfigureLog(LogFormat::kText, LogLevel::kInfo);
  EXPECT_THAT(capture.text(), HasSubstr("more detail"));
  EXPECT_THAT(capture.text(), Not(HasSubstr("serve: detail")));
}

TEST(LoggerTest, NamesAreParsedAndOthersRefused) {
  EXPECT_EQ(ParseLogLevel("warning").value(), LogLevel::kWarning);
  EXPECT_EQ(ParseLogFormat("json").value(), LogFormat::kJson);
  EXPECT_THAT(ParseLogLevel("loud").error().message, HasSubstr("valid are debug, info, warning, error"));
  EXPECT_FALSE(ParseLogFormat("").ok());
}

}  // namespace
}  // namespace gfr
