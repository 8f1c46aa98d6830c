#include "serve/reader_service.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "base/sync.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "serve/log_follower.h"
#include "serve/service.h"
#include "serve/test_service.h"
#include "store/test_redis.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

constexpr char kReader[] = "the reader's token";
constexpr char kToml[] = R"(
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[objective]]
name = "pctr"
[store]
online = "redis+unix://)";

// Of item %.
constexpr char kItem[] =
    R"({"specversion":"1.0","id":"%","source":"t","type":"item.update","time":"2026-01-01T11:00:00Z",)"
    R"("data":{"items":[{"item_id":"i%","price":7}]}})";

// Where a reader finds its owner: a Service of this process, which may be away. It goes only while no call is in it.
struct OwnersDoor {
  void Close() {
    const MutexLock lock(mutex);
    owner.reset();
  }
  void Open(std::unique_ptr<Service> next) {
    const MutexLock lock(mutex);
    owner = std::move(next);
  }
  Mutex mutex;
  std::unique_ptr<Service> owner;
  std::atomic<bool> gives_lists = false;
};

class OwnerHere final : public HttpCaller {
 public:
  explicit OwnerHere(OwnersDoor& door) : door_(door) {}
  Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token&) override {
    HttpRequest request{.method = call.method, .headers = {{"host", "localhost"}}, .body = std::string(call.body)};
    request.path = call.url.substr(call.url.find('/', 7));
    for (const std::string& header : call.headers) {
      const std::size_t colon = header.find(": ");
      std::string name = header.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      request.headers.emplace_back(name, header.substr(colon + 2));
    }
    const MutexLock lock(door_.mutex);
    if (door_.owner == nullptr) return Error{ErrorCode::kUnavailable, "nobody"};
    if (request.path == "/v1/lists" && !door_.gives_lists) return HttpAnswer{.status = 503};
    HttpResponse response = Call(*door_.owner, std::move(request));
    HttpAnswer answer{.status = response.status, .content_type = response.content_type, .body = response.body};
    for (auto& [name, value] : response.headers) {
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      answer.headers.emplace_back(std::move(name), std::move(value));
    }
    return answer;
  }

 private:
  OwnersDoor& door_;
};

class ReaderServiceTest : public testing::Test {
 protected:
  ReaderServiceTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    std::ofstream(folder_ / "p/gfr.toml") << kToml << redis_.address().path << "?prefix=test:\"\n";
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
    config_.verify_ms = 0;
    config_.log_wait_ms = kHourMs;
    access_ = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}, {"reader", kReader}}}).value();
    door_.Open(Service::Open(*project_, config_, kClock, *access_).value());
    reader_ = ReaderService::Open(*project_, config_, "owner:1", kClock, *access_, std::make_unique<OwnerHere>(door_))
                  .value();
  }
  // REQUIRES: the owner is there.
  Service& owner() { return *door_.owner; }
  HttpResponse Ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& token = "") {
    return Call(
        *reader_,
        {.method = method,
         .path = path,
         .headers = {{"host", "localhost"}, {"content-type", "application/json"}, {"authorization", "Bearer " + token}},
         .body = body,
         .client = "127.0.0.1"});
  }
  // A feed waits 20 ms for the Redis: where a busy machine takes longer it is asked for again, while a Redis is there.
  Json Feed(const std::string& body) {
    for (;;) {
      const HttpResponse response = Ask("POST", "/v1/feed", body);
      EXPECT_EQ(response.status, 200) << response.body;
      ++feeds_;
      Json feed = Json::parse(response.body);
      if (!has_redis_ || std::ranges::count(feed["degraded"], "store") == 0) return feed;
    }
  }
  bool HasMetric(const std::string& line) {
    return Ask("GET", "/metrics").body.find("\n" + line + "\n") != std::string::npos;
  }
  std::uint64_t Forwarded() {
    const std::string metrics = Ask("GET", "/metrics").body, name = "\ngfr_forwarded_total ";
    return std::stoull(metrics.substr(metrics.find(name) + name.size()));
  }
  // Three items, and an owner from a time when their epoch has ended, so that its first lists have them.
  void ListItems() {
    for (const char* n : {"1", "2", "3"}) {
      std::string text = kItem;
      for (std::size_t at; (at = text.find('%')) != std::string::npos;) text.replace(at, 1, n);
      ASSERT_EQ(Ask("POST", "/v1/events", text).status, 202);
    }
    door_.Close();
    door_.Open(Service::Open(*project_, config_, "fixed:2026-01-01T12:10:00Z", *access_).value());
    door_.gives_lists = true;
    while (!HasMetric("gfr_lists_epoch_end_seconds 1767269340")) WaitUntil(MonotonicMs() + 1);  // 12:09 UTC.
  }
  static std::set<std::string> Items(const Json& feed) {
    std::set<std::string> ids;
    for (const Json& item : feed["items"]) ids.insert(item["item_id"].get<std::string>());
    return ids;
  }

  const TestFolder folder_;
  TestRedis redis_;
  bool has_redis_ = true;
  std::uint64_t feeds_ = 0;  // Asked for so far.
  ServeConfig config_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Access> access_;
  OwnersDoor door_;
  std::unique_ptr<ReaderService> reader_;
};

const std::set<std::string> kAllItems{"i1", "i2", "i3"};

constexpr char kEvent[] =
    R"({"specversion":"1.0","id":"e","source":"t","type":"feed.click","time":"2026-01-01T11:00:00Z",)"
    R"("data":{"user_id":"u1","items":[{"item_id":"i1"}]}})";

TEST_F(ReaderServiceTest, AnEventGoesToTheOwnerAndComesBackInAFeedThatTheOwnerLogs) {
  EXPECT_EQ(Ask("POST", "/v1/events", kEvent).status, 202);
  Json feed;
  do {
    feed = Feed(R"({"user_id":"u1","explain":true,"candidates":["i1","i2"]})");
  } while (feed["items"][0]["features"]["user_clicks"] != 1);  // Published as soon as it was folded.
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model"])"));
  const std::string path = "/v1/explain/" + feed["request_id"].get<std::string>();
  EXPECT_EQ(Ask("GET", path, "", kAdmin).status, 200);
  EXPECT_EQ(Ask("GET", path, "", "wrong").status, 401) << "the owner judges the client's token";
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
  EXPECT_TRUE(HasMetric("gfr_unlogged_total 0"));
  EXPECT_TRUE(HasMetric("gfr_rows_up 1"));
}

TEST_F(ReaderServiceTest, AnAdminReloadsItAndAsksHowItIs) {
  EXPECT_EQ(Ask("POST", "/v1/reload").status, 401);
  EXPECT_EQ(Ask("POST", "/v1/reload", "", kAdmin).status, 200);
  const std::string toml = PosixFileSystem().ReadAll(folder_ / "p/gfr.toml").value();
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder_ / "p/gfr.toml", toml + "[nonsense]\nkey = 1\n").ok());
  const HttpResponse refused = Ask("POST", "/v1/reload", "", kAdmin);
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.body.find("nonsense"), std::string::npos);
  const Json status = Json::parse(Ask("GET", "/v1/status").body);
  EXPECT_EQ(status["role"], "reader");
  EXPECT_EQ(status["owner"], "owner:1");
  EXPECT_EQ(status["state"], "ready");
  EXPECT_TRUE(status["rows"]["up"]);
}

TEST_F(ReaderServiceTest, EventsAreFreshInTheRedisToo) {
  EXPECT_EQ(Ask("POST", "/v1/events", kEvent).status, 202);
  const auto count = [&] {
    const std::string text =
        Call(owner(), {.method = "GET", .path = "/metrics", .headers = {{"host", "localhost"}}, .client = "127.0.0.1"})
            .body;
    return text.find("gfr_freshness_seconds_count{store=\"redis\",state=\"user\"} 1\n") != std::string::npos;
  };
  while (!count()) WaitUntil(MonotonicMs() + 1);  // Rows are published soon.
  EXPECT_EQ(Json::parse(
                Call(owner(),
                     {.method = "GET", .path = "/v1/status", .headers = {{"host", "localhost"}}, .client = "127.0.0.1"})
                    .body)["store"]["online"],
            "redis");
}

TEST_F(ReaderServiceTest, RefusesBadInputLikeTheOwner) {
  for (const char* bad : {"", "{", "[]", "{}", R"({"user_id":7})", R"({"user_id":"u","candidates":[{}]})"})
    EXPECT_EQ(Ask("POST", "/v1/feed", bad).status, 400) << bad;
  EXPECT_EQ(Ask("POST", "/v1/events", "[1]").status, 400) << "the owner's answer";
  EXPECT_EQ(Ask("GET", "/v1/models").status, 404);
  EXPECT_EQ(Ask("POST", "/v1/models/promote", "{}", kAdmin).status, 404);
  EXPECT_EQ(Ask("GET", "/v1/nothing").status, 404);
}

TEST_F(ReaderServiceTest, AssignsAsTheOwnerDoesAfterAReloadOfBoth) {
  const std::string toml = PosixFileSystem().ReadAll(folder_ / "p/gfr.toml").value();
  const auto reload = [&](const std::string& text) {
    EXPECT_TRUE(PublishFile(PosixFileSystem(), folder_ / "p/gfr.toml", text).ok());
    return owner().Reload().ok() && reader_->Reload().ok();
  };
  const auto variants = [&](double weight) {
    return toml + "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nweight = " + std::to_string(weight) +
           "\nfeed = { size = 1 }\n";
  };
  ASSERT_TRUE(reload(variants(1)));
  for (const double weight : {1.0, 4.0}) {  // The second moves units from what the first gave.
    ASSERT_TRUE(reload(variants(weight)));
    int b = 0;
    for (int user = 0; user < 60; ++user) {
      const std::string id = std::to_string(weight) + "-" + std::to_string(user);
      const std::string rest = R"(","user_id":"u)" + std::to_string(user) + R"(","candidates":["i1","i2"]})";
      const Json here = Feed(R"({"request_id":"reader)" + id + rest);
      const HttpResponse owners =
          Call(owner(), {.method = "POST",
                         .path = "/v1/feed",
                         .headers = {{"host", "localhost"}, {"content-type", "application/json"}},
                         .body = R"({"request_id":"owner)" + id + rest});
      EXPECT_EQ(here["experiment"], Json::parse(owners.body)["experiment"]);
      EXPECT_EQ(here["items"].size(), here["experiment"]["variant"] == "b" ? 1u : 2u);
      b += here["experiment"]["variant"] == "b";
    }
    EXPECT_GT(b, 10 * weight);
    EXPECT_LT(b, 60);
  }
  // What the owner answers for the reader goes by the client's override too.
  for (const char* variant : {"a", "b"}) {
    const HttpResponse forwarded = Call(*reader_, {.method = "POST",
                                                   .path = "/v1/feed",
                                                   .headers = {{"host", "localhost"},
                                                               {"content-type", "application/json"},
                                                               {"x-amzn-sagemaker-target-variant", variant}},
                                                   .body = R"({"user_id":"u1"})"});
    EXPECT_EQ(Json::parse(forwarded.body)["experiment"]["variant"], variant) << forwarded.body;
    const HttpResponse flag = Call(*reader_, {.method = "POST",
                                              .path = "/ofrep/v1/evaluate/flags/variant",
                                              .headers = {{"host", "localhost"},
                                                          {"content-type", "application/json"},
                                                          {"x-gfr-assign", std::string("variant=") + variant}},
                                              .body = R"({"context":{"targetingKey":"u1"}})"});
    EXPECT_EQ(Json::parse(flag.body)["value"], variant) << flag.body;
  }
  ASSERT_FALSE(reload(variants(4) + "[[variant]]\nname = \"a\"\n"));
  std::string more = variants(4);
  more.insert(more.find("[[feature]]"), "[[feature]]\nname = \"n\"\ntype = \"slate\"\nread = \"size\"\n");
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder_ / "p/gfr.toml", more).ok());
  EXPECT_EQ(reader_->Reload().error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(owner().Reload().error().code, ErrorCode::kInvalidArgument) << "its readers have the features of before";
}

TEST_F(ReaderServiceTest, WithoutAnOwnerFeedsSayThatTheyAreNotLoggedAndEventsAreRefused) {
  door_.Close();
  Json feed = Feed(R"({"user_id":"u1","candidates":["i1","i2"]})");
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model","log"])"));
  EXPECT_EQ(feed["items"].size(), 2u);
  feed = Feed(R"({"user_id":"u1"})");
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["channels","model","log"])"));
  EXPECT_TRUE(feed["items"].empty());
  const HttpResponse refused = Ask("POST", "/v1/events", kEvent);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at(0).first, "Retry-After");
  EXPECT_EQ(Ask("GET", "/v1/explain/r", "", kAdmin).status, 503);
  EXPECT_TRUE(HasMetric("gfr_unlogged_total " + std::to_string(feeds_)));
  EXPECT_TRUE(HasMetric("gfr_refused_total 3"));
}

TEST_F(ReaderServiceTest, FindsCandidatesInTheOwnersListsBesideTheOwnerAndWithoutIt) {
  ListItems();
  const std::uint64_t forwarded = Forwarded();
  Json feed = Feed(R"({"user_id":"u1","request_id":"beside"})");
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model"])"));
  EXPECT_EQ(Items(feed), kAllItems);
  EXPECT_EQ(Forwarded(), forwarded) << "the reader ranks it";
  const Json why = Json::parse(Ask("GET", "/v1/explain/beside", "", kAdmin).body);
  EXPECT_EQ(why["served"]["candidates"].size(), 3u) << "its slate is in the owner's log";
  door_.Close();
  feed = Feed(R"({"user_id":"u1"})");
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model","log"])"));
  EXPECT_EQ(Items(feed), kAllItems);
}

TEST_F(ReaderServiceTest, ListsThatItCannotHaveMakeFeedsTheOwnersAndAreKeptForWhenItIsAway) {
  ListItems();
  door_.gives_lists = false;
  const auto current = [&] { return Json::parse(Ask("GET", "/v1/status").body)["lists"]["current"].get<bool>(); };
  while (current()) WaitUntil(MonotonicMs() + 1);
  const std::uint64_t forwarded = Forwarded();
  Json feed = Feed(R"({"user_id":"u1"})");
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model"])"));
  EXPECT_GT(Forwarded(), forwarded);
  door_.Close();
  feed = Feed(R"({"user_id":"u1"})");
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["channels","model","log"])"));
  EXPECT_EQ(Items(feed), kAllItems);
}

TEST_F(ReaderServiceTest, WithoutTheRedisFeedsHaveNoValuesAndSaySo) {
  const std::string ask = R"({"user_id":"u1","explain":true,"candidates":["i1","i2"]})";
  EXPECT_EQ(Ask("POST", "/v1/events", kEvent).status, 202);
  while (Feed(ask)["items"][0]["features"]["user_clicks"] != 1) ::usleep(1000);
  redis_.Stop();
  has_redis_ = false;
  Json feed;
  do {
    feed = Feed(ask);
  } while (feed["degraded"] != Json::parse(R"(["store","model"])"));
  EXPECT_EQ(feed["items"].size(), 2u);
  EXPECT_NE(feed["items"][0]["features"]["user_clicks"], 1);
  EXPECT_EQ(Ask("GET", "/readyz").status, 503);
  EXPECT_TRUE(HasMetric("gfr_rows_up 0"));
}

TEST_F(ReaderServiceTest, NeedsAnOwnerAndAClockOfItsOwn) {
  EXPECT_EQ(ReaderService::Open(*project_, config_, "owner:1", "log", *access_).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReaderService::Open(*project_, config_, "owner", kClock, *access_).error().code,
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE(Project::Init(folder_ / "embedded", "shop").ok());
  ServeConfig config;
  const auto embedded = Project::Open(folder_ / "embedded", ServeConfig::Reader(&config)).value();
  door_.Close();
  EXPECT_EQ(ReaderService::Open(*embedded, config, "owner:1", kClock, *access_, std::make_unique<OwnerHere>(door_))
                .error()
                .code,
            ErrorCode::kUnavailable)
      << "nobody says how far the log is";
}

// Without a Redis: the same folder, and another store.
TEST_F(ReaderServiceTest, WithoutARedisItFoldsTheOwnersLogItself) {
  reader_.reset();
  door_.Close();
  std::string toml = kToml;
  toml.resize(toml.find("[store]"));
  std::ofstream(folder_ / "p/gfr.toml") << toml;
  project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
  config_.verify_ms = 0;
  config_.log_wait_ms = kHourMs;
  config_.is_replica = true;
  const auto open_owner = [&] { return Service::Open(*project_, config_, kClock, *access_).value(); };
  door_.Open(open_owner());
  ASSERT_EQ(Call(owner(), {.method = "POST",
                           .path = "/v1/events",
                           .headers = {{"host", "localhost"}, {"content-type", "application/json"}},
                           .body = kEvent})
                .status,
            202);
  reader_ =
      ReaderService::Open(*project_, config_, "owner:1", kClock, *access_, std::make_unique<OwnerHere>(door_)).value();
  const std::string ask = R"({"user_id":"u1","explain":true,"candidates":["i1","i2"]})";
  // What was there when it began is in its first feed; what comes is in a feed soon.
  Json feed = Feed(ask);
  EXPECT_EQ(feed["items"][0]["features"]["user_clicks"], 1);
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model"])"));
  std::string second = kEvent;
  second.replace(second.find("\"e\""), 3, "\"f\"");
  EXPECT_EQ(Ask("POST", "/v1/events", second).status, 202);
  while (Feed(ask)["items"][0]["features"]["user_clicks"] != 2) WaitUntil(MonotonicMs() + 1);
  // A replica passes on what it does not answer itself, to be judged by the owner.
  EXPECT_EQ(Ask("GET", "/v1/models").status, 200);
  EXPECT_EQ(Ask("GET", "/v1/triggers", "", kAdmin).status, 200);
  EXPECT_EQ(Ask("GET", "/v1/triggers", "", "wrong").status, 401);
  EXPECT_EQ(Ask("GET", "/v1/nothing").status, 404);
  // The owner away: the rows stay as they are.
  door_.Close();
  feed = Feed(ask);
  EXPECT_EQ(feed["items"][0]["features"]["user_clicks"], 2);
  EXPECT_EQ(feed["degraded"], Json::parse(R"(["model","log"])"));
  EXPECT_EQ(Ask("GET", "/v1/models").status, 503);
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
}

TEST(LogFollowerTest, ReadsHowFarAnOwnerIs) {
  const auto end = LogFollower::ReadEnd(
      R"({"process":"p-1","log":{"records":9,"folded":{"records":7,"epoch_end":"2026-01-01T12:00:00Z"}}})");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->process, "p-1");
  EXPECT_EQ(end->records, 7u);
  EXPECT_EQ(end->epoch_end_ms, ParseTime("2026-01-01T12:00:00Z").value());
  // The states are being written: records are known, epochs are not.
  const auto busy = LogFollower::ReadEnd(R"({"process":"p-1","log":{"records":9,"folded":null}})");
  ASSERT_TRUE(busy);
  EXPECT_EQ(busy->records, 9u);
  EXPECT_FALSE(busy->epoch_end_ms);
  for (const char* wrong : {"", "[]", "{}", R"({"log":1})", R"({"log":{}})", R"({"log":{"records":-1}})"})
    EXPECT_FALSE(LogFollower::ReadEnd(wrong)) << wrong;
}

}  // namespace
}  // namespace gfr
