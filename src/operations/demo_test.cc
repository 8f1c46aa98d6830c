#include "operations/demo.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "event/event_json.h"
#include "log/event_log.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

// Answers every feed with the same items, and takes every event.
class FakeServer final : public DemoServer {
 public:
  explicit FakeServer(std::vector<std::string> items) : items_(std::move(items)) {}
  Result<std::string> Post(const std::string& path, const std::string& body, int) override {
    const Json request = Json::parse(body);
    if (path == "/v1/events") {
      events.insert(events.end(), request.begin(), request.end());
      return Json{{"accepted", request.size() - refused}}.dump();
    }
    requests.push_back(request);
    Json reply{{"request_id", request["request_id"]}, {"items", Json::array()}};
    for (const std::string& item : items_) reply["items"].push_back({{"item_id", item}});
    return reply.dump();
  }
  std::vector<Json> requests, events;
  std::size_t refused = 0;

 private:
  const std::vector<std::string> items_;
};

TEST(DemoClients, AskForOneUsersFeedBeforeAndAfterAClick) {
  const TestFolder folder;
  FakeServer server({"a", "b", "c"});  // The market does not know them: nobody clicks by themselves.
  Market market({.users = 20, .items = 20, .days = 1});
  const auto feeds = RunDemoClients(Workspace(folder.path()), server, &market, market.end_ms());
  ASSERT_TRUE(feeds.ok()) << feeds.error().ToString();
  EXPECT_EQ(feeds.value().feeds, 300u);
  EXPECT_EQ(feeds.value().items, 900u);
  EXPECT_EQ(feeds.value().events, server.events.size());
  EXPECT_EQ(feeds.value().clicked, "b");
  ASSERT_EQ(server.requests.size(), 301u);
  EXPECT_EQ(server.requests[300]["request_id"], server.requests[299]["request_id"].get<std::string>() + "/after");
  EXPECT_EQ(server.requests[300]["user_id"], server.requests[299]["user_id"]);
  EXPECT_EQ(server.events.back()["type"], "feed.click");
}

TEST(DemoClients, AskAgainForTheSlatesOfAnImportedLogAndSendTheirClicks) {
  const TestFolder folder;
  const Workspace workspace(folder.path());
  const auto event = [](const char* id, EventType type, const char* request, std::int64_t time_ms) {
    Event e{.id = id, .source = "t", .type = type, .time_ms = time_ms, .user_id = "u"};
    e.request_id = request;
    e.items = {{.item_id = "x"}, {.item_id = "y"}};
    if (type == EventType::kFeedClick) e.items = {{.item_id = "y", .index = 1}};
    return e;
  };
  {
    ASSERT_TRUE(workspace.fs().MakeFolders(workspace.log_folder()).ok());
    const auto log = EventLog::Open(workspace.fs(), workspace.clock(), {.folder = workspace.log_folder()}).value();
    std::uint64_t duplicates = 0;
    ASSERT_TRUE(
        log->AppendImported(
               {event("1", EventType::kFeedRequest, "r", 1000), event("2", EventType::kFeedImpression, "r", 1000),
                event("3", EventType::kFeedClick, "r", 2000)},
               [](std::uint64_t) {}, &duplicates)
            .ok());
  }
  FakeServer server({"x", "y"});
  const auto feeds = RunDemoClients(workspace, server, nullptr, 5000);
  ASSERT_TRUE(feeds.ok()) << feeds.error().ToString();
  EXPECT_EQ(feeds.value().clicked, "y");
  ASSERT_EQ(server.requests.size(), 2u);
  EXPECT_EQ(server.requests[0]["request_id"], "demo/r");
  EXPECT_EQ(server.requests[0]["candidates"].size(), 2u);
  ASSERT_EQ(server.events.size(), 2u);
  EXPECT_EQ(server.events[1]["id"], "demo/3");
}

TEST(DemoClients, AServerThatRefusesEventsFailsTheDemo) {
  const TestFolder folder;
  FakeServer server({"a"});
  server.refused = 1;
  Market market({.users = 20, .items = 20, .days = 1});
  const auto feeds = RunDemoClients(Workspace(folder.path()), server, &market, market.end_ms());
  ASSERT_FALSE(feeds.ok());
  EXPECT_NE(feeds.error().message.find("not accepted"), std::string::npos);
}

TEST(Demo, RemovesTheDemoBeforeItAndNoOtherProject) {
  const TestFolder folder;
  const Workspace workspace(folder / "p");
  EXPECT_TRUE(RemoveDemo(workspace).ok());  // There is nothing.
  ASSERT_TRUE(workspace.fs().MakeFolders(workspace.folder()).ok());
  ASSERT_TRUE(PublishFile(workspace.fs(), workspace.configuration_path(), "").ok());
  EXPECT_EQ(RemoveDemo(workspace).error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(workspace.fs().Exists(workspace.configuration_path()));
  ASSERT_TRUE(MarkDemo(workspace).ok());
  EXPECT_TRUE(RemoveDemo(workspace).ok());
  EXPECT_FALSE(workspace.fs().Exists(workspace.configuration_path()));
}

}  // namespace
}  // namespace gfr
