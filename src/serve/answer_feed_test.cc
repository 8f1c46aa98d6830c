// What a feed's unit is assigned, from the request to the reply, the record and the metrics.
#include "serve/answer_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/test_folder.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

class AnswerFeedTest : public testing::Test {
 protected:
  AnswerFeedTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    const std::string path = folder_ / "p/gfr.toml";
    const std::string toml = PosixFileSystem().ReadAll(path).value() + R"(
[holdout]
share = 0.5
[[experiment]]
name = "short"
share = 0.5
[[experiment.arm]]
name = "long"
[[experiment.arm]]
name = "three"
feed = { size = 3 }
)";
    EXPECT_TRUE(PublishFile(PosixFileSystem(), path, toml).ok());
    auto opened = Project::Open(folder_ / "p", ServeConfig::Reader(&config_));
    EXPECT_TRUE(opened.ok()) << opened.error().ToString();
    project_ = std::move(opened).value();
    config_.verify_ms = 0;
    config_.log_wait_ms = kHourMs;
    access_ = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}}}).value();
    service_ = Service::Open(*project_, config_, "fixed:2026-01-01T12:00:00Z", *access_).value();
  }
  HttpResponse Send(const std::string& method, const std::string& path, const std::string& body,
                    const std::string& assign = "") {
    return Call(*service_, {.method = method,
                            .path = path,
                            .headers = {{"host", "localhost"},
                                        {"content-type", "application/json"},
                                        {"authorization", std::string("Bearer ") + kAdmin},
                                        {"x-gfr-assign", assign}},
                            .body = body,
                            .client = "127.0.0.1"});
  }
  Json Feed(const std::string& user, const std::string& assign = "") {
    const HttpResponse feed = Send(
        "POST", "/v1/feed",
        R"({"candidates":["i1","i2","i3","i4"],"user_id":")" + user + R"(","request_id":")" + user + assign + "\"}",
        assign);
    EXPECT_EQ(feed.status, 200) << feed.body;
    return Json::parse(feed.body);
  }

  const TestFolder folder_;
  ServeConfig config_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Service> service_;
};

TEST_F(AnswerFeedTest, AHeldOutUnitGetsWhatIsPopularAndNothingIsMissing) {
  int held = 0, three = 0, nothing = 0;
  for (int n = 0; n < 100; ++n) {
    const Json feed = Feed("u" + std::to_string(n));
    if (feed["experiment"]["holdout"] == "in") {
      ++held;
      EXPECT_EQ(feed["degraded"], Json::array()) << "no model by choice";
      EXPECT_EQ(feed["experiment"].size(), 1u);
      EXPECT_EQ(feed["model"]["name"], "");
      continue;
    }
    EXPECT_EQ(feed["degraded"], Json({"model"})) << "there is none yet";
    const bool in = feed["experiment"].contains("short");
    const bool is_three = in && feed["experiment"]["short"] == "three";
    EXPECT_EQ(feed["items"].size(), is_three ? 3u : 4u);
    three += is_three;
    nothing += !in;
  }
  EXPECT_GT(held, 25);
  EXPECT_GT(three, 2);
  EXPECT_GT(nothing, 10);
  const std::string metrics = Send("GET", "/metrics", "").body;
  EXPECT_THAT(metrics, HasSubstr(R"(gfr_assigned_feed_duration_seconds_count{experiment="holdout",variant="in"} )" +
                                 std::to_string(held) + "\n"));
  EXPECT_THAT(metrics, HasSubstr(R"(gfr_assigned_feeds_degraded_total{experiment="short",variant="three"} )" +
                                 std::to_string(three) + "\n"));
}

TEST_F(AnswerFeedTest, AnOverrideIsMarkedInTheRecord) {
  EXPECT_EQ(Feed("u1", "short=three")["items"].size(), 3u);
  const Json explained = Json::parse(Send("GET", "/v1/explain/u1short=three", "").body)["served"];
  EXPECT_EQ(explained["unit"], Json::parse(R"({"kind":"user","id":"u1"})"));
  EXPECT_EQ(explained["experiments"], Json::parse(R"([{"experiment":"holdout","variant":"out","overridden":true},
                                                      {"experiment":"short","variant":"three","overridden":true}])"));
  const HttpResponse refused = Send("POST", "/v1/feed", R"({"user_id":"u"})", "short=four");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("valid are long, three"));
}

}  // namespace
}  // namespace gfr
