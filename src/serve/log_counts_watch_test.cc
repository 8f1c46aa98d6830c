#include "serve/log_counts_watch.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kSimilarNow = 1767268800000;  // 2026-01-01T12:00:00Z, as kClock.

class LogCountsTest : public testing::Test {
 protected:
  LogCountsTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    access_ = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}}}).value();
    const std::string path = folder_ / "p/gfr.toml", quota = "name = \"exploit\"\nquota = 60\n";
    std::string text = PosixFileSystem().ReadAll(path).value();
    const std::size_t at = text.find(quota);
    EXPECT_NE(at, std::string::npos);
    text.replace(at, quota.size(), "name = \"exploit\"\n[[channel.source]]\nname = \"similar\"\nquota = 10\n");
    std::ofstream(path) << text;
    std::vector<Event> events;
    int n = 0;
    const auto add = [&](EventType type, const std::string& user, const std::string& item) {
      const std::string id = "e" + std::to_string(n);
      events.push_back({.id = id,
                        .source = "test",
                        .type = type,
                        .time_ms = kSimilarNow - kDayMs + 1000 * n++,
                        .user_id = user,
                        .items = {{.item_id = item}}});
    };
    for (int user = 0; user < 20; ++user) {
      add(EventType::kItemView, "u" + std::to_string(user), "tea");
      add(EventType::kItemView, "u" + std::to_string(user), user % 2 == 0 ? "pot" : "cup");
      if (user < 4) add(EventType::kPurchase, "u" + std::to_string(user), "tea");
      if (user < 4) add(EventType::kPurchase, "u" + std::to_string(user), "sugar");
    }
    add(EventType::kItemView, "new", "tea");
    add(EventType::kItemDelete, "", "cup");
    FixedClock clock(kSimilarNow - kHourMs);
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder_ / "p/data/log"});
    std::uint64_t duplicates = 0;
    EXPECT_TRUE(log.value()
                    ->AppendImported(
                        std::move(events), [](std::uint64_t) {}, &duplicates)
                    .ok());
  }
  void Open() {
    service_.reset();
    ServeConfig config;
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config)).value();
    config_ = config;
    config_.verify_ms = 0;
    config_.log_wait_ms = kHourMs;  // A feed can be explained when it is answered, however long a sync takes.
    auto opened = Service::Open(*project_, config_, kClock, *access_);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    service_ = std::move(opened).value();
  }
  HttpResponse Ask(const std::string& method, const std::string& path, const std::string& body = "") {
    return Call(*service_, {.method = method,
                            .path = path.substr(0, path.find('?')),
                            .query = path.find('?') == std::string::npos ? "" : path.substr(path.find('?') + 1),
                            .headers = {{"host", "localhost"},
                                        {"content-type", "application/json"},
                                        {"authorization", std::string("Bearer ") + kAdmin}},
                            .body = body,
                            .client = "127.0.0.1"});
  }
  // Once the log was counted.
  Json Similar(const std::string& path) {
    Json json;
    for (int n = 0; n < 30'000; ++n) {
      const HttpResponse response = Ask("GET", "/v1/similar/" + path);
      EXPECT_EQ(response.status, 200) << response.body;
      json = Json::parse(response.body);
      if (!json["items"].empty()) break;
      WaitUntil(MonotonicMs() + 10, {});
    }
    return json;
  }

  const TestFolder folder_;
  ServeConfig config_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Service> service_;
};

TEST_F(LogCountsTest, SaysWhatCoOccursByKindAndWhatIsOffSaleIsLeftOut) {
  Open();
  const Json views = Similar("tea");
  ASSERT_EQ(views["items"].size(), 1u) << "cups are off sale: " << views;
  EXPECT_EQ(views["items"][0]["item_id"], "pot");
  EXPECT_EQ(views["items"][0]["together"], 10);
  EXPECT_NEAR(views["items"][0]["lift"].get<double>(), 10.0 * 41 / (21 * 10), 1e-9);
  const Json purchases = Similar("tea?kind=purchase");
  EXPECT_EQ(purchases["items"][0]["item_id"], "sugar");
  EXPECT_EQ(purchases["items"][0]["together"], 4);
  EXPECT_EQ(Ask("GET", "/v1/similar/nothing").status, 404);
  EXPECT_EQ(Ask("GET", "/v1/similar/tea?kind=wish").status, 400);
}

TEST_F(LogCountsTest, AFeedFindsWhatIsSimilarToTheUsersLastItemsAndNamesTheSource) {
  Open();
  Similar("tea");
  Json feed;
  for (int n = 0; n < 30'000; ++n) {  // Lists with the counts are made by a job.
    feed = Json::parse(Ask("POST", "/v1/feed", R"({"user_id":"new","size":30})").body);
    if (std::ranges::any_of(feed["items"], [](const Json& item) { return item.value("source", "") == "similar"; }))
      break;
    WaitUntil(MonotonicMs() + 10, {});
  }
  const auto pot = std::ranges::find_if(feed["items"], [](const Json& item) { return item["item_id"] == "pot"; });
  ASSERT_NE(pot, feed["items"].end()) << feed;
  EXPECT_EQ((*pot)["channel"], "exploit");
  const HttpResponse explained = Ask("GET", "/v1/explain/" + feed["request_id"].get<std::string>());
  for (const Json& candidate : Json::parse(explained.body)["served"]["candidates"]) {
    EXPECT_FALSE(candidate.value("source", "").empty()) << candidate;
    EXPECT_EQ(candidate["channel"].get<std::string>().find('/'), std::string::npos) << candidate;
  }
}

TEST_F(LogCountsTest, CountsAreEqualAfterARestartAndWithoutTheirFile) {
  const std::string file = folder_ / "p/data/store/cooccurrence";
  Open();
  const Json before = Similar("tea");
  for (int n = 0; n < 30'000 && !PosixFileSystem().Exists(file); ++n) WaitUntil(MonotonicMs() + 10, {});
  const std::string bytes = PosixFileSystem().ReadAll(file).value();
  Open();
  EXPECT_EQ(Similar("tea"), before);
  service_.reset();
  std::ofstream(file, std::ios::trunc) << "torn";
  Open();
  EXPECT_EQ(Similar("tea"), before);
  for (int n = 0; n < 30'000 && PosixFileSystem().ReadAll(file).value() != bytes; ++n)
    WaitUntil(MonotonicMs() + 10, {});
  EXPECT_EQ(PosixFileSystem().ReadAll(file).value(), bytes);
}

TEST_F(LogCountsTest, WithoutAFeedThatUsesItNobodyCounts) {
  EXPECT_TRUE(Project::Init(folder_ / "q", "shop").ok());
  EXPECT_TRUE(PosixFileSystem().Rename(folder_ / "q/gfr.toml", folder_ / "p/gfr.toml").ok());
  Open();
  const HttpResponse response = Ask("GET", "/v1/similar/tea");
  EXPECT_EQ(response.status, 409) << response.body;
  EXPECT_NE(response.body.find("[[channel.source]]"), std::string::npos);
}

}  // namespace
}  // namespace gfr
