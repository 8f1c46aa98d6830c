#include "serve/service.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/test_folder.h"
#include "base/test_synced_disk.h"
#include "base/time.h"
#include "event/event_json.h"
#include "log/event_log.h"
#include "log/local_log.h"
#include "retrieve/list_maker.h"
#include "retrieve/lists_codec.h"
#include "runtime/http_client.h"
#include "runtime/logger.h"
#include "serve/http_server.h"
#include "serve/slates.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

// Whose syncs a test holds up, or lets fail.
class SlowDisk final : public SyncedDisk {
 public:
  void Close() {
    const MutexLock lock(mutex_);
    open_ = false;
  }
  void Open() {
    const MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  std::atomic<bool> fails = false;
  std::atomic<int> fail_after = -1;  // Syncs that are left before it fails for good; -1: it does not.

 private:
  Status BeforeSync() override {
    MutexLock lock(mutex_);
    changed_.Wait(lock, [this] { return open_; });
    if (fail_after > 0) --fail_after;
    return fails || fail_after == 0 ? Status(Error{ErrorCode::kUnavailable, "the disk has failed"}) : Status();
  }
  Mutex mutex_;
  CondVar changed_;
  bool open_ = true;
};

std::string EventText(const std::string& id, const std::string& more = "") {
  return R"({"specversion":"1.0","id":")" + id + R"(","source":"t","type":"item.view","time":"2026-01-01T11:00:00Z",)" +
         R"("data":{"user_id":"u1","items":[{"item_id":"i1"}])" + more + "}}";
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
    config_.verify_ms = 0;
    config_.log_wait_ms = kHourMs;
    access_ = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}}}).value();
    service_ = Service::Open(*project_, config_, kClock, *access_, &disk_).value();
  }
  static HttpRequest Request(const std::string& method, const std::string& path, const std::string& body = "",
                             const std::string& type = "application/json", const std::string& token = kAdmin) {
    return {.method = method,
            .path = path,
            .headers = {{"host", "localhost"}, {"content-type", type}, {"authorization", "Bearer " + token}},
            .body = body,
            .client = "127.0.0.1"};
  }
  HttpResponse Post(const std::string& path, const std::string& body, const std::string& type = "application/json",
                    const std::string& token = kAdmin) {
    return Call(*service_, Request("POST", path, body, type, token));
  }
  HttpResponse Get(const std::string& path, const std::string& token = kAdmin) {
    return Call(*service_, Request("GET", path, "", "", token));
  }
  std::uint64_t Metric(const std::string& name) {
    const std::string text = Get("/metrics").body;
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? UINT64_MAX : std::stoull(text.substr(at + name.size() + 2));
  }
  // The slates in the log.
  std::vector<Event> Slates() {
    std::vector<Event> slates;
    LocalLog log(PosixFileSystem(), project_->log_folder());
    EXPECT_TRUE(ForEachRecord(log, kEveryType, [&](const LogRecord& record) -> Status {
                  if (record.event.type == EventType::kFeedRequest) slates.push_back(record.event);
                  return {};
                }).ok());
    return slates;
  }

  const TestFolder folder_;
  SlowDisk disk_;
  ServeConfig config_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, APageThatIsLoadedAgainKeepsItsSlateAndRequestIdLessWhatWasHiddenSince) {
  const auto ask = [&](const std::string& id, const std::string& user) {
    const HttpResponse reply = Post("/v1/feed", R"({"user_id":")" + user + R"(","session_id":"s","request_id":")" + id +
                                                    R"(","candidates":["i1","i2","i3"]})");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body);
  };
  EXPECT_EQ(ask("before", "u1")["request_id"], "before");
  EXPECT_EQ(ask("before2", "u1")["request_id"], "before2") << "without [[feed]] reload every request is a new one";
  const std::string path = folder_ / "p/gfr.toml";
  std::string text = PosixFileSystem().ReadAll(path).value();
  const std::size_t at = text.find("[[feed]]\nname = \"home\"\n");
  ASSERT_NE(at, std::string::npos);
  text.insert(text.find("size", at), "reload = \"30s\"\n");
  ASSERT_TRUE(PublishFile(PosixFileSystem(), path, text).ok());
  ASSERT_TRUE(service_->Reload().ok());
  const Json first = ask("r1", "u1"), again = ask("r2", "u1");
  EXPECT_EQ(first["items"].size(), 3u);
  EXPECT_EQ(again, first) << "the request id and all else";
  EXPECT_EQ(ask("r3", "u2")["request_id"], "r3") << "another user's is a new one";
  EXPECT_EQ(Slates().size(), 4u) << "it is not logged again";
  ASSERT_EQ(Post("/v1/events",
                 R"({"specversion":"1.0","id":"h","source":"t","type":"item.hide","time":"2026-01-01T11:00:00Z",)"
                 R"("data":{"user_id":"u1","items":[{"item_id":"i2"}]}})")
                .status,
            202);
  const Json later = ask("r4", "u1");
  EXPECT_EQ(later["request_id"], "r1");
  Json left = first["items"];
  left.erase(std::ranges::find_if(left, [](const Json& item) { return item["item_id"] == "i2"; }));
  EXPECT_EQ(later["items"], left) << "what was hidden is gone, and positions stay";
  EXPECT_EQ(Metric("gfr_feed_reloads_total"), 2u);
}

TEST_F(ServiceTest, EventsAreTakenOnceAndBadOnesAreNamed) {
  const Json good = Json::parse(Post("/v1/events", EventText("a")).body);
  EXPECT_EQ(good, Json::parse(R"({"accepted":1,"duplicates":0,"rejected":[]})"));
  EXPECT_EQ(Json::parse(Post("/v1/events", EventText("a")).body)["duplicates"], 1);
  const HttpResponse mixed = Post("/v1/events", EventText("b") + "\n{\n", "application/x-ndjson; charset=utf-8");
  EXPECT_EQ(mixed.status, 202);
  EXPECT_EQ(Json::parse(mixed.body)["rejected"][0]["code"], "bad_json");
  EXPECT_EQ(Post("/v1/events", "[1]").status, 400);
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""})
    EXPECT_EQ(Post("/v1/events", EventText("c"), type).status, 415) << type;
}

TEST_F(ServiceTest, AFeedIsAnsweredLoggedAndExplained) {
  const HttpResponse feed = Post("/v1/feed", R"({"user_id":"u1","request_id":"r/1","candidates":["i1","i2"]})");
  ASSERT_EQ(feed.status, 200) << feed.body;
  EXPECT_EQ(Json::parse(feed.body)["items"].size(), 2u);
  EXPECT_EQ(Json::parse(feed.body)["request_id"], "r/1");
  ASSERT_EQ(Slates().size(), 1u);
  for (const char* path : {"/v1/explain/r/1", "/v1/explain/r%2F1"}) EXPECT_EQ(Get(path).status, 200) << path;
  EXPECT_EQ(Get("/v1/explain/r/2").status, 404);
  EXPECT_EQ(Get("/v1/explain/r/1", "wrong").status, 401);
  for (const char* bad : {"", "{", "[]", "{}", R"({"user_id":7})", R"({"user_id":"u","size":0})",
                          R"({"user_id":"u","candidates":[{}]})", R"({"user_id":"u","exclude":"i1"})"})
    EXPECT_EQ(Post("/v1/feed", bad).status, 400) << bad;
  EXPECT_EQ(Post("/v1/feed", R"({"user_id":"u1"})", "text/plain").status, 415);
  EXPECT_EQ(Metric("gfr_feeds_total"), 1u);
}

TEST_F(ServiceTest, ADaysFirstSnapshotIsKeptAndAnOldSlateIsReplayedFromTheDayBeforeIt) {
  const auto go_on_at = [&](const std::string& time) {
    service_.reset();  // Saves its states.
    service_ = Service::Open(*project_, config_, "fixed:" + time, *access_, &disk_).value();
  };
  for (int n = 0; n < 5; ++n) ASSERT_EQ(Post("/v1/events", EventText("first " + std::to_string(n))).status, 202);
  go_on_at("2026-01-02T12:00:00Z");
  ASSERT_EQ(Post("/v1/events", EventText("second")).status, 202);
  ASSERT_EQ(Post("/v1/feed", R"({"user_id":"u1","request_id":"old","size":1,"candidates":["i1","i2","i3"]})").status,
            200);
  go_on_at("2026-01-03T12:00:00Z");
  ASSERT_EQ(Post("/v1/events", EventText("third")).status, 202);
  go_on_at("2026-01-04T12:00:00Z");
  EXPECT_EQ(PosixFileSystem().List(project_->kept_snapshots_folder()).value(),
            (std::vector<std::string>{"2026-01-01", "2026-01-02", "2026-01-03"}));
  HttpRequest explain = Request("GET", "/v1/explain/old", "", "");
  explain.query = "all=true";
  const HttpResponse started = Call(*service_, explain);
  ASSERT_EQ(started.status, 202) << started.body;
  const std::string job = "/v1/jobs/" + Json::parse(started.body)["job"].get<std::string>();
  Json answer;
  do {
    ::usleep(1000);
    answer = Json::parse(Get(job).body);
  } while (answer["state"] == "waiting" || answer["state"] == "running");
  ASSERT_EQ(answer["state"], "done") << answer;
  const Json replayed = answer["answer"]["served"]["replayed"];
  EXPECT_EQ(replayed["from"], 5) << replayed << ": the state at the end of the first day";
  EXPECT_TRUE(replayed["different"].empty()) << replayed;
}

TEST_F(ServiceTest, NoFeedIsServedUnderTheRequestIdOfAnother) {
  const std::string ask = R"({"user_id":"u1","request_id":"r","candidates":["i1","i2"]})";
  const HttpResponse first = Post("/v1/feed", ask);
  ASSERT_EQ(first.status, 200);
  const HttpResponse again = Post("/v1/feed", ask);
  EXPECT_EQ(again.status, 200) << "the same user asks again";
  EXPECT_EQ(Post("/v1/feed", R"({"user_id":"u2","request_id":"r","candidates":["i1"]})").status, 409);
  EXPECT_EQ(Slates().size(), 1u);
}

TEST_F(ServiceTest, NothingAFeedNamesIsWithoutABound) {
  Json many{{"user_id", "u"}, {"candidates", {"i1"}}};
  for (int n = 0; n < 300; ++n) many["context"]["name" + std::to_string(n)] = n;
  EXPECT_EQ(Post("/v1/feed", many.dump()).status, 400);
  const std::string id(1025, 'x');
  for (const Json& bad :
       {Json{{"user_id", id}}, Json{{"user_id", "u"}, {"request_id", id}}, Json{{"user_id", "u"}, {"candidates", {id}}},
        Json{{"user_id", "u"}, {"exclude", {id}}}, Json{{"user_id", "u"}, {"candidates", Json::array_t(10'001, "i")}},
        Json{{"user_id", "u"}, {"context", {{"long", std::string(9000, 'x')}}}}})
    EXPECT_EQ(Post("/v1/feed", bad.dump()).status, 400) << bad.dump().substr(0, 100);
  const HttpResponse unknown = Post("/v1/feed", R"({"user_id":"u","candidates":["i1"],"sise":3})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("'sise'"), std::string::npos) << unknown.body;
  EXPECT_EQ(Post("/v1/feed", R"({"user_id":"u","candidates":["i1"],"size":null,"context":null,"exclude":null})").status,
            200);
}

TEST_F(ServiceTest, ABodyOfACallThatNamesAVersionOrNothingIsSmall) {
  const std::string deep(100'000, '[');
  for (const char* path : {"/v1/models/promote", "/v1/models/rollback", "/v1/reload", "/v1/triggers/x", "/livez"}) {
    const int status = Post(path, deep).status;
    EXPECT_TRUE(status == 413 || status == 405) << path << " " << status;
  }
  HttpRequest announced = Request("POST", "/v1/models/promote");
  announced.headers.emplace_back("content-length", "100000");
  const auto refused = service_->Admit(announced);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 413) << "before the body is read";
  announced.path = "/v1/events";
  EXPECT_FALSE(service_->Admit(announced).has_value());
}

TEST_F(ServiceTest, ClientsCannotSendSlatesAndARejectionIsShownAHundredTimes) {
  std::string slate = EventText("forged");
  slate.replace(slate.find("item.view"), 9, "feed.request");
  const HttpResponse forged = Post("/v1/events", slate);
  EXPECT_EQ(forged.status, 400);
  EXPECT_NE(forged.body.find("server_only"), std::string::npos) << forged.body;
  EXPECT_TRUE(Slates().empty());
  EXPECT_EQ(Post("/v1/events", EventText(std::string(1025, 'x'))).status, 400);
  std::string lines;
  for (int n = 0; n < 5000; ++n) lines += "{\n";
  const Json reply = Json::parse(Post("/v1/events", lines, "application/x-ndjson").body);
  EXPECT_EQ(reply["rejected"].size(), 100u);
  EXPECT_EQ(reply["rejected_count"], 5000);
}

TEST_F(ServiceTest, SlatesOfReadersAreTakenWithATokenAndFromThisLogOnly) {
  ASSERT_EQ(Post("/v1/feed", R"({"user_id":"u1","request_id":"own","candidates":["i1"]})").status, 200);
  std::vector<Event> slates = Slates();
  ASSERT_EQ(slates.size(), 1u);
  slates[0].id = slates[0].request_id = "reader's";
  const std::string body = EncodeSlates(slates);
  const std::string type = "application/octet-stream";
  EXPECT_EQ(Post("/v1/served", body, type, "").status, 401);
  EXPECT_EQ(Post("/v1/served", body.substr(1), type).status, 400);
  EXPECT_EQ(Json::parse(Post("/v1/served", body, type).body)["accepted"], 1);
  EXPECT_EQ(Get("/v1/explain/reader's").status, 200);
  slates[0].id = "ahead";
  slates[0].served.positions = {{0, 1000}};
  EXPECT_EQ(Post("/v1/served", EncodeSlates(slates), type).status, 409);
}

TEST_F(ServiceTest, ASlateOfAnEpochWhoseRecordsItHadNotAllReadIsNotTaken) {
  service_.reset();
  {
    const FixedClock half_an_hour_before(ParseTime(std::string(kClock).substr(6)).value() - 30 * kMinuteMs);
    const auto log = EventLog::Open(PosixFileSystem(), half_an_hour_before, {.folder = project_->log_folder()}).value();
    for (const char* id : {"first", "second"}) {
      Event e{.id = id, .source = "t", .type = EventType::kItemView};
      e.time_ms = half_an_hour_before.now_ms();
      e.user_id = "u1";
      e.items = {{.item_id = "i1"}};
      ASSERT_TRUE(log->Append({std::move(e)}).ok());
    }
  }
  service_ = Service::Open(*project_, config_, kClock, *access_, &disk_).value();
  ASSERT_EQ(Post("/v1/feed", R"({"user_id":"u1","request_id":"own","candidates":["i1"]})").status, 200);
  std::vector<Event> slates = Slates();
  ASSERT_EQ(slates.size(), 1u);
  const std::string type = "application/octet-stream";
  slates[0].id = slates[0].request_id = "read all";
  ASSERT_EQ(slates[0].served.as_of(), 1);
  EXPECT_EQ(Post("/v1/served", EncodeSlates(slates), type).status, 202);
  slates[0].id = slates[0].request_id = "did not read the second";
  slates[0].served.positions = {{0, 0}};
  const HttpResponse refused = Post("/v1/served", EncodeSlates(slates), type);
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.body.find("before a record of that epoch"), std::string::npos) << refused.body;
  EXPECT_EQ(Slates().size(), 2u);
}

TEST_F(ServiceTest, SlatesOfAReaderWithOtherFeaturesAreTakenByColumn) {
  ASSERT_EQ(Post("/v1/feed", R"({"user_id":"u1","request_id":"own","candidates":["i1"]})").status, 200);
  std::vector<Event> slates = Slates();
  ASSERT_GE(slates.at(0).served.columns.size(), 3u);
  ServedSlate& served = slates[0].served;
  const std::string type = "application/octet-stream";
  slates[0].id = slates[0].request_id = "fewer";
  served.columns.pop_back();
  served.columns[0].fingerprint ^= 1;  // Of a feature that this server does not have.
  EXPECT_EQ(Post("/v1/served", EncodeSlates(slates), type).status, 202);
  const Json known = Json::parse(Get("/v1/explain/own").body)["served"]["candidates"][0]["features"];
  const Json fewer = Json::parse(Get("/v1/explain/fewer").body)["served"]["candidates"][0]["features"];
  EXPECT_EQ(fewer.size(), known.size() - 2);
  for (const auto& [name, value] : fewer.items()) EXPECT_EQ(value, known[name]) << name;
  slates[0].id = slates[0].request_id = "nameless";
  served.columns[1].fingerprint = 0;
  EXPECT_EQ(Post("/v1/served", EncodeSlates(slates), type).status, 409);
}

TEST_F(ServiceTest, ListsArePublishedForReadersOnceAnEpoch) {
  EXPECT_EQ(Get("/v1/lists", "wrong").status, 401);
  const HttpResponse lists = Get("/v1/lists");
  ASSERT_EQ(lists.status, 200) << lists.body;
  EXPECT_EQ(lists.content_type, "application/octet-stream");
  ASSERT_EQ(lists.headers.at(0).first, "ETag");
  const auto decoded = DecodeLists(lists.body, project_->features()->schema);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_TRUE(lists.headers[0].second.starts_with('"' + std::to_string(decoded.value()->epoch_end_ms()) + "-"));
  HttpRequest again = Request("GET", "/v1/lists", "", "");
  again.headers.emplace_back("if-none-match", lists.headers[0].second);
  EXPECT_EQ(Call(*service_, again).status, 304);
}

TEST_F(ServiceTest, TheStatusSaysHowTheServerIsAndHowFreshFeedsAre) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Post("/v1/events", EventText("e" + std::to_string(i))).status, 202);
  EXPECT_EQ(Post("/v1/feed", R"({"user_id":"u1","candidates":["i1"]})").status, 200);
  const Json status = Json::parse(Get("/v1/status", "").body);
  EXPECT_EQ(status["state"], "ready");
  EXPECT_EQ(status["role"], "owner");
  EXPECT_EQ(status["log"]["records"], 4);
  EXPECT_EQ(status["log"]["waiting"], 0);
  EXPECT_TRUE(status["model"]["champion"].is_null());
  EXPECT_GT(status["store"]["bytes"], 0);
  EXPECT_GT(status["store"]["freshness"]["user"]["p50_s"], 0);
  EXPECT_FALSE(status["store"]["freshness"].contains("shared")) << "the clock stands still: no epoch ended";
  const std::string metrics = Get("/metrics").body;
  EXPECT_NE(metrics.find("gfr_freshness_seconds_count{store=\"embedded\",state=\"user\"} 3\n"), std::string::npos)
      << "the server's own slate is no event that a feed waits for";
  disk_.fails = true;
  EXPECT_EQ(Post("/v1/events", EventText("lost")).status, 503);
  const Json broken = Json::parse(Get("/v1/status", "").body);
  EXPECT_EQ(broken["state"], "not ready");
  EXPECT_EQ(broken["why"][0], "the log cannot be written");
}

TEST_F(ServiceTest, ModelsAreListedAndChangedByAdminsOnly) {
  EXPECT_EQ(Get("/v1/models", "").body, "{\"models\":[]}\n");
  EXPECT_EQ(Post("/v1/models/promote", R"({"version":"7"})").status, 404);
  EXPECT_EQ(Post("/v1/models/promote", "7").status, 400);
  EXPECT_EQ(Post("/v1/models/promote", R"({"version":"7"})", "application/json", "").status, 401);
  EXPECT_EQ(Post("/v1/models/rollback", "").status, 409);
  EXPECT_EQ(Post("/v1/models/rollback", "", "application/json", "wrong").status, 401);
}

TEST_F(ServiceTest, ProbesAnswerUnderAnyNameAndOtherCallsOnlyUnderTheirOwn) {
  for (const char* path : {"/livez", "/readyz", "/metrics"}) EXPECT_EQ(Get(path, "").status, 200) << path;
  HttpRequest probe{.method = "GET", .path = "/livez", .headers = {{"host", "pod-7"}}};
  EXPECT_EQ(Call(*service_, probe).status, 200);
  probe.path = "/metrics";
  EXPECT_EQ(Call(*service_, probe).status, 421);
  EXPECT_EQ(Get("/v1/nothing").status, 404);
  EXPECT_EQ(Get("/v1/events").status, 405);
  EXPECT_EQ(Post("/v1/explain/r", "").status, 405);
}

TEST_F(ServiceTest, APageOfADeclaredOriginMayCallAfterItsPreflight) {
  access_ = Access::Open(PosixFileSystem(), {.cors_origins = {"https://shop.example"}}).value();
  service_.reset();
  service_ = Service::Open(*project_, config_, kClock, *access_, &disk_).value();
  HttpRequest ask = Request("OPTIONS", "/v1/events", "", "", "");
  ask.headers.emplace_back("origin", "https://shop.example");
  ask.headers.emplace_back("access-control-request-method", "POST");
  const auto allowed = service_->Admit(ask);
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->status, 204);
  EXPECT_EQ(allowed->headers.at(0),
            (std::pair<std::string, std::string>("Access-Control-Allow-Origin", "https://shop.example")));
  HttpRequest event = Request("POST", "/v1/events", EventText("e"), "application/json", "");
  event.headers.emplace_back("origin", "https://shop.example");
  const HttpResponse taken = Call(*service_, event);
  EXPECT_EQ(taken.status, 202);
  EXPECT_EQ(taken.headers.at(0).second, "https://shop.example");
  ask.path = "/v1/models/promote";
  EXPECT_EQ(service_->Admit(ask)->status, 405) << "no page of another origin is an admin";
  ask.path = "/v1/events";
  ask.headers[3].second = "https://other.example";
  EXPECT_EQ(service_->Admit(ask)->status, 405);
}

TEST_F(ServiceTest, TheAccessLogHasALineARequestAndNothingThatAClientCouldBeKnownBy) {
  config_.access_log = true;
  const LogCapture lines(LogFormat::kJson);
  HttpRequest request = Request("POST", "/v1/feed", R"({"user_id":"secret-user","candidates":["i1"]})");
  request.headers.emplace_back("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  request.query = "explain=true&secret-query";
  EXPECT_EQ(Call(*service_, request).status, 200);
  EXPECT_EQ(Get("/v1/explain/secret-request").status, 404);
  EXPECT_EQ(Get("/secret-path").status, 404);
  std::vector<Json> access;
  std::istringstream text(lines.text());
  for (std::string line; std::getline(text, line);) {
    if (const Json json = Json::parse(line); json["component"] == "access") access.push_back(json);
  }
  ASSERT_EQ(access.size(), 3u) << lines.text();
  EXPECT_EQ(access[0]["endpoint"], "/v1/feed");
  EXPECT_EQ(access[0]["method"], "POST");
  EXPECT_EQ(access[0]["status"], 200);
  EXPECT_EQ(access[0]["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_GT(access[0]["bytes"], 0);
  EXPECT_EQ(access[1]["endpoint"], "/v1/explain/");
  EXPECT_EQ(access[2]["endpoint"], "none");
  EXPECT_EQ(access[2]["trace"].get<std::string>().size(), 32u);
  EXPECT_EQ(lines.text().find("secret"), std::string::npos) << lines.text();
}

TEST_F(ServiceTest, WhileTheLogFailsEventsAreRefusedAndFeedsGoOnWithoutIt) {
  const std::string ask = R"({"user_id":"u1","candidates":["i1"]})";
  ASSERT_EQ(Post("/v1/events", EventText("makes the segment")).status,
            202);  // Which has to be cut, and that fails too.
  disk_.fails = true;
  const HttpResponse refused = Post("/v1/events", EventText("a"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at(0).first, "Retry-After");
  for (int i = 0; i < 2; ++i) {
    const HttpResponse feed = Post("/v1/feed", ask);
    ASSERT_EQ(feed.status, 200) << feed.body;
    EXPECT_EQ(Json::parse(feed.body)["degraded"], Json::parse(R"(["model","log"])"));
    EXPECT_EQ(Json::parse(feed.body)["items"].size(), 1u);
  }
  EXPECT_EQ(Metric("gfr_unlogged_total"), 2u);
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_EQ(Get("/livez").status, 200);
  disk_.fails = false;
  while (Get("/readyz").status != 200) ::usleep(1000);
  EXPECT_EQ(Post("/v1/events", EventText("a")).status, 202);
  EXPECT_EQ(Json::parse(Post("/v1/feed", ask).body)["degraded"], Json::parse(R"(["model"])"));
  EXPECT_EQ(Slates().size(), 1u);
}

// NDJSON of `count` events with ids from `prefix`, padded to more than one slice; line `bad` is no event.
std::string LargeBodyText(const std::string& prefix, int count, int bad) {
  std::string body;
  for (int n = 0; n < count; ++n)
    body += (n == bad ? "{}"
                      : EventText(prefix + std::to_string(n), R"(,"context":{"a":")" + std::string(900, 'x') + "\"}")) +
            "\n";
  return body;
}

TEST_F(ServiceTest, ALargeBodyIsTakenInSlicesAndAnsweredAsOne) {
  const std::string body = LargeBodyText("large", 3000, 2900);
  ASSERT_GT(body.size(), 3u * JsonLimits().event_bytes);
  const HttpResponse taken = Post("/v1/events", body, "application/x-ndjson");
  EXPECT_EQ(taken.status, 202);
  const Json json = Json::parse(taken.body);
  EXPECT_EQ(json["accepted"], 2999);
  EXPECT_EQ(json["rejected"][0]["index"], 2900);
  EXPECT_EQ(Json::parse(Post("/v1/events", body, "application/x-ndjson").body)["duplicates"], 2999);
  EXPECT_EQ(Metric("gfr_events_accepted_total"), 2999u);
  // A list that is broken at its end is not taken, and neither is one event that is larger than an event may be.
  std::string list = "[";
  for (int n = 0; n < 3000; ++n)
    list += EventText("list" + std::to_string(n), R"(,"context":{"a":")" + std::string(900, 'x') + "\"}") + ",";
  EXPECT_EQ(Post("/v1/events", list + "}]").status, 400);
  EXPECT_EQ(Post("/v1/events", EventText("one", R"(,"context":{"a":")" + std::string(2 << 20, 'x') + "\"}")).status,
            413);
  EXPECT_EQ(Metric("gfr_events_accepted_total"), 2999u);
}

TEST_F(ServiceTest, ALargeBodyWhoseEndCannotBeLoggedSaysHowManyEventsAreAndCanBeSentAgain) {
  const std::string body = LargeBodyText("large", 3000, -1);
  ASSERT_EQ(Post("/v1/events", EventText("makes the segment")).status, 202);
  disk_.fail_after = 4;
  const HttpResponse refused = Post("/v1/events", body, "application/x-ndjson");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at(0).first, "Retry-After");
  const std::string detail = Json::parse(refused.body)["detail"];
  EXPECT_NE(detail.find("events of this body are taken"), std::string::npos) << detail;
  const int before = std::stoi(detail);
  EXPECT_GT(before, 0);
  EXPECT_LT(before, 3000);
  disk_.fail_after = -1;
  while (Get("/readyz").status != 200) ::usleep(1000);
  const Json again = Json::parse(Post("/v1/events", body, "application/x-ndjson").body);
  EXPECT_EQ(again["duplicates"], before);
  EXPECT_EQ(again["accepted"], 3000 - before);
}

TEST_F(ServiceTest, AFeedWaitsForItsRecordNoLongerThanLogWait) {
  config_.log_wait_ms = 1;
  service_.reset();
  service_ = Service::Open(*project_, config_, kClock, *access_, &disk_).value();
  disk_.Close();
  const HttpResponse feed = Post("/v1/feed", R"({"user_id":"u1","request_id":"r","candidates":["i1"]})");
  ASSERT_EQ(feed.status, 200) << feed.body;
  EXPECT_EQ(Json::parse(feed.body)["degraded"], Json::parse(R"(["model","log"])"));
  disk_.Open();
  while (Get("/v1/explain/r").status != 200) ::usleep(1000);  // The record comes into the log later.
}

TEST_F(ServiceTest, AThousandClientsOfSingleEventsShareOneSyncWhileProbesAnswer) {
  ASSERT_EQ(Post("/v1/events", EventText("makes the segment")).status, 202);
  disk_.Close();
  const int before = disk_.syncs;
  std::atomic<int> accepted = 0, answered = 0;
  const auto send = [&](int n) {
    service_->Handle(Request("POST", "/v1/events", EventText(std::to_string(n))), [&](const HttpResponse& response) {
      accepted += response.status == 202;
      ++answered;
    });
  };
  send(0);
  while (disk_.syncs == before) ::usleep(1000);
  for (int n = 1; n <= 1000; ++n) send(n);
  while (Metric("gfr_log_waiting_records") != 1001) ::usleep(1000);
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/v1/models").status, 200);
  EXPECT_EQ(answered, 0);
  disk_.Open();
  while (answered < 1001) ::usleep(1000);
  EXPECT_EQ(accepted, 1001);
  EXPECT_EQ(disk_.syncs, before + 2) << "one of the first event, one of all the others";
}

// Small bodies are parsed on the I/O thread: it must not wait for the disk all the same.
TEST_F(ServiceTest, AThousandConnectionsShareOneSyncWhileTheServerAnswersProbes) {
  ASSERT_EQ(Post("/v1/events", EventText("makes the segment")).status, 202);
  const auto server = HttpServer::Start({}, *service_).value();
  if (server->max_connections() < 1100) GTEST_SKIP() << "only " << server->max_connections() << " descriptors";
  const auto caller = MakeHttpCaller({.allow_private = true});
  const std::string url = "http://127.0.0.1:" + std::to_string(server->port());
  disk_.Close();
  const int before = disk_.syncs;
  std::vector<int> clients;
  const auto send = [&](int n) {
    const std::string body = EventText(std::to_string(n));
    const std::string request =
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(server->port()))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(clients.back(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    ASSERT_EQ(::send(clients.back(), request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  };
  send(0);
  while (disk_.syncs == before) ::usleep(1000);
  for (int n = 1; n <= 1000; ++n) send(n);
  while (Metric("gfr_log_waiting_records") != 1001) ::usleep(1000);
  EXPECT_EQ(caller->Send({.url = url + "/livez"}).value().status, 200);
  disk_.Open();
  for (const int client : clients) {
    char reply[1024];
    const ssize_t size = ::recv(client, reply, sizeof reply, 0);
    EXPECT_TRUE(
        std::string_view(reply, static_cast<std::size_t>(std::max<ssize_t>(size, 0))).starts_with("HTTP/1.1 202"));
    ::close(client);
  }
  EXPECT_EQ(disk_.syncs, before + 2) << "one of the first event, one of all the others";
}

TEST_F(ServiceTest, WhatWasBegunEndsBeforeAServiceDoes) {
  disk_.Close();
  std::atomic<int> accepted = 0;
  for (int n = 0; n < 100; ++n)
    service_->Handle(Request("POST", "/v1/events", EventText(std::to_string(n))),
                     [&](const HttpResponse& response) { accepted += response.status == 202; });
  disk_.Open();
  service_.reset();
  EXPECT_EQ(accepted, 100);
  service_ = Service::Open(*project_, config_, kClock, *access_, &disk_).value();
  EXPECT_EQ(Metric("gfr_log_records"), 100u);
}

}  // namespace
}  // namespace gfr
