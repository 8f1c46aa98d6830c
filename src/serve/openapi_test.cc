#include "serve/openapi.h"

#include <gtest/gtest.h>

#include <set>

#include "base/test_folder.h"
#include "event/event_json.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

class OpenApiTest : public testing::Test {
 protected:
  OpenApiTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
    access_ = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}}}).value();
    service_ = Service::Open(*project_, config_, kClock, *access_).value();
  }
  Json Document() {
    const HttpResponse response =
        Call(*service_, {.method = "GET", .path = "/openapi.json", .headers = {{"host", "localhost"}}});
    EXPECT_EQ(response.status, 200);
    return Json::parse(response.body);
  }
  const TestFolder folder_;
  ServeConfig config_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Service> service_;
};

TEST_F(OpenApiTest, EveryRouteOfTheRouterIsInTheDocument) {
  const Json document = Document();
  std::set<std::string> ids;
  std::size_t operations = 0;
  for (const auto& [path, methods] : document["paths"].items()) operations += methods.size();
  EXPECT_EQ(operations, service_->routes().size());
  for (const Route& route : service_->routes()) {
    ASSERT_NE(route.operation, nullptr) << route.method << " " << route.path;
    EXPECT_TRUE(ids.insert(route.operation->id).second) << route.operation->id;
    EXPECT_FALSE(route.operation->replies.empty()) << route.operation->id;
    // The types that the router lets pass are those that the document says.
    for (const std::string& type : route.content_types)
      EXPECT_TRUE(route.operation->bodies.contains(type)) << route.operation->id << " " << type;
    const bool below = route.path.ends_with('/');
    EXPECT_EQ(
        std::ranges::any_of(route.operation->parameters, [](const OperationParameter& p) { return p.in == "path"; }),
        below)
        << route.path;
  }
}

TEST_F(OpenApiTest, ScopesAndErrorsAreThoseOfTheRouter) {
  const Json document = Document();
  EXPECT_EQ(document["openapi"], "3.1.0");
  const Json& promote = document["paths"]["/v1/models/promote"]["post"];
  EXPECT_EQ(promote["security"][0], Json::parse(R"({"admin":[]})"));
  EXPECT_TRUE(promote["responses"].contains("401"));
  EXPECT_EQ(promote["responses"]["404"]["content"]["application/problem+json"]["schema"]["$ref"],
            "#/components/schemas/Problem");
  EXPECT_FALSE(document["paths"]["/livez"]["get"].contains("security"));
  EXPECT_EQ(document["paths"]["/v1/explain/{request_id}"]["get"]["parameters"][0]["required"], true);
  const HttpResponse wrong =
      Call(*service_, {.method = "DELETE", .path = "/v1/feed", .headers = {{"host", "localhost"}}});
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at(0), (std::pair<std::string, std::string>("Allow", "POST")));
}

TEST_F(OpenApiTest, QueriesAreCheckedByTheirShapes) {
  const auto explain = [&](const std::string& query) {
    return Call(*service_, {.method = "POST",
                            .path = "/v1/feed",
                            .query = query,
                            .headers = {{"host", "localhost"}, {"content-type", "application/json"}},
                            .body = R"({"user_id":"u","candidates":["a"]})"})
        .status;
  };
  for (const char* good : {"explain=true", "explain=false", "expl%61in=true", "other=7", "other&explain=true"})
    EXPECT_EQ(explain(good), 200) << good;
  for (const char* bad : {"explain=yes", "explain", "explain=", "other&explain=1", "expl%61in=x"})
    EXPECT_EQ(explain(bad), 400) << bad;
}

// The parser of events is of another module, and reads what it checks.
TEST_F(OpenApiTest, EventsAreCheckedAsTheirShapeSays) {
  const Json good = Json::parse(
      R"({"specversion":"1.0","id":"e","source":"t","type":"item.view","time":"2026-01-01T00:00:00Z","data":{"user_id":"u",
          "session_id":"s","request_id":"r","surface":"f","variant":"v","kind":"k","currency":"EUR","transaction_id":"t",
          "value":1,"context":{"a":1},"items":[{"item_id":"i","index":0,"channel":"c","price":2,"quantity":1,"properties":{}}]}})");
  const auto taken = [](const Json& event) {
    return ParseEvents(event.dump(), BodyFormat::kJson, {.from_client = true}).rejected.empty();
  };
  ASSERT_TRUE(taken(good));
  EXPECT_EQ(EventShape().Check(good, "the event"), std::nullopt);
  const auto all_agree = [&](const JsonShape& shape, const Json::json_pointer& at) {
    for (const JsonMember& member : shape.members) {
      if (member.name == "specversion" || member.name == "anonymous_id") continue;
      for (const Json& value :
           {Json(7), Json("text"), Json(), Json(true), Json::array(), Json::object(), Json(std::string(1025, 'x')),
            Json(-2), Json(0.5), Json("2026-01-01T00:00:00Z"), Json("feed.request"), Json("purchase")}) {
        // What a text must say beside being one, and rules of events as a whole, stand in no schema.
        if (member.name == "time" && value.is_string()) continue;
        Json event = good;
        event[at][member.name] = value;
        const bool fits = !EventShape().Check(event, "the event");
        if (member.name == "items" && (value.is_null() || value == Json::array())) continue;
        if ((member.name == "price" || member.name == "value" || member.name == "quantity") && value == -2) continue;
        if (member.name == "data" && value.is_object()) continue;
        EXPECT_EQ(taken(event), fits) << member.name << ": " << value.dump().substr(0, 40);
      }
    }
  };
  const JsonShape& event = EventShape();
  const auto member = [](const JsonShape& of, std::string_view name) -> const JsonShape& {
    return std::ranges::find(of.members, name, &JsonMember::name)->shape;
  };
  all_agree(event, Json::json_pointer(""));
  all_agree(member(event, "data"), Json::json_pointer("/data"));
  all_agree(member(member(event, "data"), "items").of.front(), Json::json_pointer("/data/items/0"));
}

}  // namespace
}  // namespace gfr
