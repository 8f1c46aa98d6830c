#include "serve/protocol/event_protocols.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "base/test_folder.h"
#include "event/event_json.h"
#include "log/local_log.h"
#include "runtime/logger.h"
#include "serve/protocol/credentials.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

class EventProtocolsTest : public testing::Test {
 protected:
  EventProtocolsTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
    config_.verify_ms = 0;
    config_.log_wait_ms = kHourMs;
    access_ =
        Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}, {"events", kEvents}, {"feed", kFeed}}}).value();
    service_ = Service::Open(*project_, config_, kClock, *access_).value();
  }
  using Headers = std::vector<std::pair<std::string, std::string>>;
  HttpResponse Ask(const std::string& method, const std::string& path, const std::string& body, Headers headers,
                   const std::string& query = "") {
    headers.emplace_back("host", "localhost");
    headers.emplace_back("content-type", "application/json");
    return Call(*service_, {.method = method,
                            .path = path,
                            .query = query,
                            .headers = std::move(headers),
                            .body = body,
                            .client = "127.0.0.1"});
  }
  HttpResponse Post(const std::string& path, const std::string& body, const std::string& token = kEvents) {
    return Ask("POST", path, body, {{"x-api-key", token}});
  }
  // Of the log, without slates; as JSON without "specversion".
  std::vector<Json> Events() {
    std::vector<Json> events;
    LocalLog log(PosixFileSystem(), project_->log_folder());
    EXPECT_TRUE(ForEachRecord(log, kEveryType, [&](const LogRecord& record) -> Status {
                  if (record.event.type != EventType::kFeedRequest)
                    events.push_back(Json::parse(EventToJson(record.event)));
                  return {};
                }).ok());
    return events;
  }
  static constexpr char kEvents[] = "the events' token!", kFeed[] = "the feeds' token!!";

  const TestFolder folder_;
  ServeConfig config_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Service> service_;
};

TEST_F(EventProtocolsTest, Ga4sEventsBecomeOursAndComeOnceWithTheirTime) {
  const std::string body = R"({"client_id":"c.1","user_id":"u1","timestamp_micros":1767265200000000,"events":[
    {"name":"view_item_list","params":{"session_id":"7","item_list_id":"home","items":[{"item_id":"a","index":0,"price":9.5},{"item_id":"b","index":1}]}},
    {"name":"select_item","params":{"items":[{"item_id":"b","index":1,"item_brand":"x"}]}},
    {"name":"page_view","params":{}},
    {"name":"purchase","params":{"transaction_id":"T1","value":19,"currency":"EUR","items":[{"item_id":"b","quantity":2,"price":9.5}]}}]})";
  const std::string secret = "measurement_id=G-1&api_secret=the%20events%27+token%21";
  for (int n = 0; n < 2; ++n) {
    const HttpResponse response = Ask("POST", "/mp/collect", body, {}, secret);
    EXPECT_EQ(response.status, 204) << response.body;
    EXPECT_TRUE(response.body.empty());
  }
  const auto events = Events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0]["type"], "user.alias");
  EXPECT_EQ(events[0]["data"]["anonymous_id"], "c.1");
  EXPECT_EQ(events[1]["type"], "feed.impression");
  EXPECT_EQ(events[1]["time"], "2026-01-01T11:00:00Z");
  EXPECT_EQ(events[1]["data"]["user_id"], "u1");
  EXPECT_EQ(events[1]["data"]["session_id"], "7");
  EXPECT_EQ(events[1]["data"]["surface"], "home");
  EXPECT_EQ(events[1]["data"]["items"][0]["price"], 9.5);
  EXPECT_EQ(events[2]["type"], "feed.click");
  EXPECT_EQ(events[2]["data"]["items"][0]["index"], 1);
  EXPECT_EQ(events[3]["type"], "purchase");
  EXPECT_EQ(events[3]["data"]["items"][0]["quantity"], 2);
  EXPECT_EQ(events[3]["data"]["transaction_id"], "T1");
}

TEST_F(EventProtocolsTest, ALoginThatComesBackToADeviceIsSaidAgain) {
  const auto ga4 = [&](const char* user, const char* micros) {
    const std::string body = R"({"client_id":"tv","user_id":")" + std::string(user) + R"(","timestamp_micros":)" +
                             micros + R"(,"events":[{"name":"page_view"}]})";
    EXPECT_EQ(Ask("POST", "/mp/collect", body, {}, "api_secret=the%20events%27+token%21").status, 204);
  };
  ga4("ann", "1767265200000000");
  ga4("bob", "1767265201000000");
  ga4("ann", "1767265202000000");
  ga4("ann", "1767265202000000");  // Sent again.
  const auto identify = [&](const char* user, const char* message) {
    const std::string body =
        R"({"anonymousId":"tv","userId":")" + std::string(user) + R"(","messageId":")" + message + "\"}";
    const Headers basic{{"authorization", "Basic dGhlIGV2ZW50cycgdG9rZW4hOg=="}};
    EXPECT_EQ(Ask("POST", "/v1/identify", body, basic).status, 200);
  };
  identify("bob", "m1");
  identify("ann", "m2");
  identify("bob", "m3");
  identify("bob", "m3");
  std::string logins;
  for (const Json& event : Events()) logins += event["data"]["user_id"].get<std::string>() + " ";
  EXPECT_EQ(logins, "ann bob ann bob ann bob ");
}

TEST_F(EventProtocolsTest, SegmentsMessagesBecomeOursAndCountPositionsFromOne) {
  const std::string body = R"({"batch":[
    {"type":"identify","messageId":"m0","anonymousId":"anon","userId":"u1","timestamp":"2026-01-01T10:00:00Z","traits":{"city":"rome","age":30}},
    {"type":"track","event":"Product List Viewed","messageId":"m1","userId":"u1","timestamp":"2026-01-01T11:00:00Z","properties":{"list_id":"home","products":[{"product_id":"a","position":1},{"product_id":"b","position":2}]}},
    {"type":"track","event":"Product Added","messageId":"m2","userId":"u1","timestamp":"2026-01-01T11:01:00Z","properties":{"product_id":"b","price":3,"quantity":2}},
    {"type":"track","event":"Song Played","messageId":"m3","userId":"u1"},
    {"type":"track","event":"Order Completed","messageId":"m4","userId":"u1","timestamp":"2026-01-01T11:02:00Z","properties":{"order_id":"o","total":6,"currency":"EUR","products":[{"product_id":"b","quantity":2,"price":3}]}}]})";
  const Headers basic{{"authorization", "Basic dGhlIGV2ZW50cycgdG9rZW4hOg=="}};  // "the events' token!:"
  for (int n = 0; n < 2; ++n) {
    const HttpResponse response = Ask("POST", "/v1/batch", body, basic);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.body, "{\"success\":true}\n");
  }
  EXPECT_EQ(Ask("POST", "/v1/alias", R"({"messageId":"m5","previousId":"old","userId":"u2"})", basic).status, 200);
  EXPECT_EQ(Ask("POST", "/v1/track", R"({"event":"Product Viewed","messageId":"m6","anonymousId":"x","properties":{}})",
                basic)
                .status,
            400);
  const auto events = Events();
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events[0]["data"]["anonymous_id"], "anon");
  EXPECT_EQ(events[1]["type"], "user.update");
  EXPECT_EQ(events[1]["data"]["context"]["city"], "rome");
  EXPECT_EQ(events[2]["type"], "feed.impression");
  EXPECT_EQ(events[2]["data"]["items"][1], Json::parse(R"({"item_id":"b","index":1})"));
  EXPECT_EQ(events[3]["type"], "cart.add");
  EXPECT_EQ(events[3]["data"]["items"][0]["quantity"], 2);
  EXPECT_EQ(events[4]["data"]["value"], 6);
  EXPECT_EQ(events[5]["data"]["anonymous_id"], "old");
}

TEST_F(EventProtocolsTest, GorsesRowsBecomeEventsAndItsRecommendationsAFeed) {
  EXPECT_EQ(
      Post(
          "/api/items",
          R"([{"ItemId":"a","Categories":["toys"],"Labels":{"colour":"red","price":5},"IsHidden":false},{"ItemId":"b"}])")
          .body,
      "{\"RowAffected\":2}\n");
  EXPECT_EQ(Post("/api/user", R"({"UserId":"u1","Labels":{"city":"rome"}})").body, "{\"RowAffected\":1}\n");
  const std::string feedback =
      R"([{"FeedbackType":"click","UserId":"u1","ItemId":"a","Timestamp":"2026-01-01T11:00:00Z"},
          {"FeedbackType":"laugh","UserId":"u1","ItemId":"b","Timestamp":"2026-01-01T11:01:00Z","Value":1}])";
  for (int n = 0; n < 2; ++n) EXPECT_EQ(Post("/api/feedback", feedback).body, "{\"RowAffected\":2}\n");
  EXPECT_EQ(Post("/api/feedback", R"([{"FeedbackType":"click","UserId":"u1"}])").status, 400);
  const auto events = Events();
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0]["type"], "item.update");
  EXPECT_EQ(events[0]["data"]["items"][0]["price"], 5);
  EXPECT_EQ(events[0]["data"]["items"][0]["properties"], Json::parse(R"({"category":"toys","colour":"red"})"));
  EXPECT_EQ(events[2]["type"], "user.update");
  EXPECT_EQ(events[3]["type"], "feed.click");
  EXPECT_EQ(events[4]["type"], "item.view");
  EXPECT_EQ(events[4]["data"]["kind"], "laugh");
  const HttpResponse list = Ask("GET", "/api/recommend/u1/", "", {{"x-api-key", kFeed}}, "n=3&offset=0");
  EXPECT_EQ(list.status, 200) << list.body;
  EXPECT_TRUE(Json::parse(list.body).is_array());
  EXPECT_EQ(Ask("GET", "/api/recommend/u1/toys", "", {{"x-api-key", kFeed}}).status, 400);
  EXPECT_EQ(Ask("GET", "/api/recommend/u1", "", {{"x-api-key", kFeed}}, "n=-1").status, 400);
}

TEST_F(EventProtocolsTest, MetaranksEventsBecomeOursAndItsRankingsFeeds) {
  const std::string body = R"([
    {"event":"item","id":"e1","item":"a","timestamp":"1767265200000","fields":[{"name":"genre","value":["drama","x"]},{"name":"price","value":4}]},
    {"event":"user","id":"e2","user":"u1","timestamp":"2026-01-01T11:00:00Z","fields":[{"name":"age","value":30}]},
    {"event":"ranking","id":"r1","user":"u1","session":"s1","timestamp":1767265200000,"fields":[],"items":[{"id":"a"},{"id":"b","label":1}]},
    {"event":"interaction","id":"e4","ranking":"r1","user":"u1","session":"s1","type":"click","item":"b","timestamp":1767265201000}])";
  EXPECT_EQ(Post("/feedback", body).body, "{\"status\":\"ok\",\"accepted\":4,\"rejected\":0}\n");
  EXPECT_EQ(Post("/feedback", R"({"event":"nothing","id":"e5"})").status, 400);
  const auto events = Events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0]["data"]["items"][0], Json::parse(R"({"item_id":"a","price":4,"properties":{"genre":"drama"}})"));
  EXPECT_EQ(events[0]["time"], "2026-01-01T11:00:00Z");
  EXPECT_EQ(events[2]["type"], "feed.impression");
  EXPECT_EQ(events[2]["data"]["request_id"], "r1");
  EXPECT_EQ(events[2]["data"]["items"][1]["index"], 1);
  EXPECT_EQ(events[3]["type"], "feed.click");
  EXPECT_EQ(events[3]["data"]["request_id"], "r1");
  const std::string ask =
      R"({"event":"ranking","id":"r2","user":"u1","session":"s1","timestamp":1,"items":[{"id":"a"},{"id":"b","fields":[]}]})";
  const HttpResponse ranked = Ask("POST", "/rank/home", ask, {{"x-api-key", kFeed}}, "explain=true");
  ASSERT_EQ(ranked.status, 200) << ranked.body;
  const Json items = Json::parse(ranked.body)["items"];
  ASSERT_EQ(items.size(), 2u);
  EXPECT_TRUE(items[0].contains("score") && items[0].contains("features"));
  EXPECT_FALSE(
      Json::parse(Ask("POST", "/rank/home", ask, {{"x-api-key", kFeed}}).body)["items"][0].contains("features"));
  for (const char* bad : {"[]", "{}", R"({"user":"u","items":[]})", R"({"user":"u","items":[{"id":"a"},{"id":"a"}]})"})
    EXPECT_EQ(Ask("POST", "/rank/home", bad, {{"x-api-key", kFeed}}).status, 400) << bad;
}

TEST_F(EventProtocolsTest, ABodyThatNestsDeepIsRefused) {
  std::string deep(200'000, '[');
  deep += std::string(200'000, ']');
  const std::string event = R"({"client_id":"c","events":[{"name":"view_item","params":{"x":)" + deep + "}}]}";
  EXPECT_EQ(Ask("POST", "/mp/collect", event, {}, "api_secret=" + std::string(kEvents)).status, 400);
  EXPECT_EQ(
      Post("/feedback", R"({"event":"user","id":"e","user":"u","fields":[{"name":"f","value":)" + deep + "}]}").status,
      400);
  EXPECT_EQ(Post("/api/items", deep).status, 400);
}

TEST_F(EventProtocolsTest, APriceMayBeATextAndNamesInAPathAreUtf8) {
  EXPECT_EQ(Post("/api/items", R"([{"ItemId":"a","Labels":{"price":"12.5"}}])").status, 200);
  EXPECT_EQ(Events().at(0)["data"]["items"][0]["price"], 12.5);
  EXPECT_EQ(Ask("GET", "/api/recommend/\xff", "", {{"x-api-key", kFeed}}).status, 400);
  const std::string ask = R"({"user":"u","items":[{"id":"a"}]})";
  EXPECT_EQ(Ask("POST", "/rank/\xff", ask, {{"x-api-key", kFeed}}).status, 400);
  EXPECT_EQ(Ask("POST", "/rank/" + std::string(1025, 'x'), ask, {{"x-api-key", kFeed}}).status, 400);
}

TEST_F(EventProtocolsTest, PersonalizesEventsAreTakenWithAKeysSignatureOrAToken) {
  const std::string body = R"({"trackingId":"t","userId":"u1","sessionId":"s1","eventList":[
    {"eventId":"e1","eventType":"Click","itemId":"b","sentAt":1767265200,"recommendationId":"r1","impression":["a","b"]},
    {"eventId":"e2","eventType":"Watch Trailer","itemId":"c","sentAt":1767265201}]})";
  for (int n = 0; n < 2; ++n) {
    const HttpResponse response = Ask("POST", "/events", body, {{"authorization", std::string("Bearer ") + kEvents}});
    EXPECT_EQ(response.status, 200) << response.body;
  }
  const auto events = Events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["type"], "feed.impression");
  EXPECT_EQ(events[0]["data"]["items"][1], Json::parse(R"({"item_id":"b","index":1})"));
  EXPECT_EQ(events[0]["data"]["request_id"], "r1");
  EXPECT_EQ(events[1]["type"], "feed.click");
  EXPECT_EQ(events[1]["data"]["items"][0]["index"], 1);
  EXPECT_EQ(events[2]["data"]["kind"], "Watch Trailer");
  EXPECT_EQ(Ask("POST", "/events", body, {}).status, 401);
  const HttpResponse forged = Ask("POST", "/events", body, {{"authorization", "AWS4-HMAC-SHA256 Credential=a"}});
  EXPECT_EQ(forged.status, 403);
  EXPECT_EQ(forged.headers.at(0),
            (std::pair<std::string, std::string>("x-amzn-ErrorType", "InvalidSignatureException")));
  EXPECT_EQ(Ask("POST", "/events", R"({"eventList":[]})", {{"authorization", std::string("Bearer ") + kEvents}}).status,
            400);
}

TEST_F(EventProtocolsTest, FeastsFeaturesAreThoseOfAFeed) {
  EXPECT_EQ(Post("/feedback", R"([{"event":"item","id":"e1","item":"a","timestamp":"1767265200000","fields":[]},
    {"event":"interaction","id":"e2","user":"u1","session":"s","type":"click","item":"a","timestamp":1767265201000}])")
                .status,
            200);
  const HttpResponse feed = Ask("POST", "/v1/feed", R"({"user_id":"u1","candidates":["a","new"],"explain":true})",
                                {{"authorization", std::string("Bearer ") + kFeed}});
  ASSERT_EQ(feed.status, 200) << feed.body;
  std::map<std::string, Json> by_item;
  const Json answered = Json::parse(feed.body);
  for (const Json& item : answered["items"]) by_item[item["item_id"]] = item["features"];
  const Headers key{{"x-api-key", kFeed}};
  const HttpResponse got = Ask("POST", "/get-online-features",
                               R"({"entities":{"user_id":["u1","u1","u9"],"item_id":["a","new","a"]}})", key);
  ASSERT_EQ(got.status, 200) << got.body;
  const Json json = Json::parse(got.body);
  const Json& names = json["metadata"]["feature_names"];
  ASSERT_EQ(names.size(), json["results"].size());
  ASSERT_EQ(names.size(), 2 + by_item["a"].size());
  EXPECT_EQ(json["results"][0]["values"], Json::parse(R"(["a","new","a"])"));
  std::set<std::string> statuses;
  for (std::size_t k = 2; k < names.size(); ++k) {
    const std::string name = names[k];
    const Json& result = json["results"][k];
    for (std::size_t i = 0; i < 2; ++i) {
      statuses.insert(result["statuses"][i]);
      if (result["statuses"][i] != "NOT_FOUND")
        EXPECT_EQ(result["values"][i], by_item[i == 0 ? "a" : "new"][name]) << name;
    }
    EXPECT_TRUE(result["statuses"][2] == "PRESENT" || result["values"][2].is_null()) << name;
  }
  EXPECT_TRUE(statuses.contains("PRESENT") && statuses.contains("NULL_VALUE")) << got.body;
  const std::string one =
      R"({"features":["shop:)" + names[2].get<std::string>() + R"("],"entities":{"item_id":["a"]}})";
  EXPECT_EQ(Json::parse(Ask("POST", "/get-online-features", one, key).body)["results"].size(), 2u);
  const std::string name = names[2].get<std::string>();
  const std::string full = R"({"full_feature_names":true,"features":["shop:)" + name + R"(",")" + name +
                           R"("],"entities":{"item_id":["a"]}})";
  EXPECT_EQ(Json::parse(Ask("POST", "/get-online-features", full, key).body)["metadata"]["feature_names"],
            Json({"item_id", "shop__" + name, name}));
  for (const char* bad : {"{}", R"({"entities":{"shop":["a"]}})", R"({"entities":{"item_id":["a"],"user_id":[]}})",
                          R"({"features":["x:none"],"entities":{"item_id":["a"]}})"})
    EXPECT_EQ(Ask("POST", "/get-online-features", bad, key).status, 400) << bad;
  const HttpResponse service =
      Ask("POST", "/get-online-features", R"({"feature_service":"ranking","entities":{"item_id":["a"]}})", key);
  EXPECT_EQ(service.status, 404);
  EXPECT_NE(service.body.find("there is no feature service"), std::string::npos);
  EXPECT_EQ(Ask("POST", "/get-online-features", R"({"feature_service":null,"entities":{"item_id":["a"]}})", key).status,
            200);
}

TEST_F(EventProtocolsTest, EachProtocolsCredentialIsAToken) {
  const std::string none = R"({"events":[]})";
  EXPECT_EQ(Ask("POST", "/mp/collect", none, {}, "api_secret=wrong").status, 401);
  EXPECT_EQ(Ask("POST", "/mp/collect", none, {}).status, 401);
  EXPECT_EQ(Ask("POST", "/v1/track", "{}", {{"authorization", "Basic d3Jvbmc6"}}).status, 401);
  EXPECT_EQ(Post("/api/feedback", "[]", kFeed).status, 401) << "the feed token takes no events";
  EXPECT_EQ(Ask("GET", "/api/recommend/u", "", {{"x-api-key", kEvents}}).status, 401);
  EXPECT_EQ(Post("/feedback", "[]", kAdmin).status, 200);
  EXPECT_EQ(
      Ask("POST", "/ofrep/v1/evaluate/flags", R"({"context":{"targetingKey":"u"}})", {{"x-api-key", kFeed}}).status,
      200);
  EXPECT_EQ(Ask("POST", "/feedback", "[]", {{"authorization", std::string("Bearer ") + kEvents}}).status, 200);
}

TEST_F(EventProtocolsTest, NoQueryIsEverLogged) {
  config_.access_log = true;
  const LogCapture lines(LogFormat::kJson);
  EXPECT_EQ(Ask("POST", "/mp/collect", "{", {}, "api_secret=the%20events%27%20token%21").status, 400);
  EXPECT_NE(lines.text().find("/mp/collect"), std::string::npos);
  EXPECT_EQ(lines.text().find("secret"), std::string::npos) << lines.text();
}

}  // namespace
}  // namespace gfr
