// Gorse's REST API (gorse.io/docs/api), for its clients: feedback, items, users and recommendations.
#include <charconv>

#include "base/json_number.h"
#include "base/text_encoding.h"
#include "event/event_rules.h"
#include "serve/feed_json.h"
#include "serve/protocol/credentials.h"
#include "serve/protocol/event_protocols.h"
#include "serve/url_query.h"

namespace gfr {
namespace {

using Input = nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostGorseRows = 50'000;

// Of a feedback's type; any other is a view of that kind.
EventType GorseTypeOf(const std::string& feedback, std::string* kind) {
  static constexpr std::pair<std::string_view, EventType> kTypes[] = {
      {"impression", EventType::kFeedImpression},
      {"show", EventType::kFeedImpression},
      {"click", EventType::kFeedClick},
      {"read", EventType::kItemView},
      {"view", EventType::kItemView},
      {"cart", EventType::kCartAdd},
      {"add_to_cart", EventType::kCartAdd},
      {"wishlist", EventType::kWishlistAdd},
      {"star", EventType::kWishlistAdd},
      {"purchase", EventType::kPurchase},
      {"buy", EventType::kPurchase},
      {"hide", EventType::kItemHide},
  };
  for (const auto& [name, type] : kTypes) {
    if (name == feedback) return type;
  }
  *kind = feedback;
  return EventType::kItemView;
}

void AddGorseFeedback(std::size_t index, const Input& json, ForeignEvents* events) {
  const std::string type = MemberText(json, "FeedbackType"), user = MemberText(json, "UserId"),
                    item = MemberText(json, "ItemId"), at = MemberText(json, "Timestamp");
  if (type.empty()) return events->Reject(index, "missing_field", "FeedbackType is missing");
  Event e{.user_id = user, .items = {{.item_id = item}}};
  e.type = GorseTypeOf(type, &e.kind);
  e.time_ms = MemberTimeMs(json, "Timestamp");
  if (e.time_ms != 0) e.id = type + "/" + user + "/" + item + "/" + at;  // Sent again it is the same.
  events->Add(index, std::move(e));
}

void AddGorseItem(std::size_t index, const Input& json, ForeignEvents* events) {
  Event e{.type = EventType::kItemUpdate, .items = {{.item_id = MemberText(json, "ItemId")}}};
  if (const Input& hidden = MemberOf(json, "IsHidden"); hidden.is_boolean() && hidden.get<bool>()) {
    e.type = EventType::kItemDelete;
    return events->Add(index, std::move(e));
  }
  EventItem& item = e.items[0];
  AddProperties(MemberOf(json, "Labels"), &item.properties);
  if (const Input& categories = MemberOf(json, "Categories");
      categories.is_array() && !categories.empty() && categories[0].is_string())
    item.properties.push_back({.name = "category", .text = categories[0].get<std::string>()});
  TakePrice(&item);
  events->Add(index, std::move(e));
}

void AddGorseUser(std::size_t index, const Input& json, ForeignEvents* events) {
  Event e{.type = EventType::kUserUpdate, .user_id = MemberText(json, "UserId")};
  AddProperties(MemberOf(json, "Labels"), &e.context);
  events->Add(index, std::move(e));
}

using AddGorseRow = void (*)(std::size_t, const Input&, ForeignEvents*);

// A list of rows, or one row.
void PostGorseRows(ServiceState& s, const HttpRequest& request, HttpReply reply, AddGorseRow add) {
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const Input body = ParseBody(request.body);
  ForeignEvents events(s, "gorse");
  if (!body.is_array() && !body.is_object()) throw BadRequest{"the body is neither a row nor a list of rows"};
  if (body.is_array() && body.size() > kMostGorseRows) throw BadRequest{"the body has more than 50000 rows"};
  if (body.is_object()) add(0, body, &events);
  for (std::size_t i = 0; body.is_array() && i < body.size(); ++i) add(i, body[i], &events);
  TakeEvents(s, events.Take(), std::move(reply), [](const TakenEvents& taken) {
    if (taken.none()) return ProblemResponse(400, "Bad Request", taken.rejected.rejected.front().message);
    return JsonResponse(200, {{"RowAffected", taken.accepted + taken.duplicates}});
  });
}

int NumberInQuery(const HttpRequest& request, const char* name, int otherwise, int most) {
  const std::string text = QueryValue(request, name);
  if (text.empty()) return otherwise;
  int number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size() || number < 0 || number > most)
    throw BadRequest{std::string(name) + " is not a whole number from 0 to " + std::to_string(most)};
  return number;
}

// USER, or USER/ as the client writes it without a category.
void GetGorseRecommend(ServiceState& s, const HttpRequest& http, HttpReply reply) {
  FeedRequest request{.user_id = http.parameter};
  if (request.user_id.ends_with('/')) request.user_id.pop_back();
  if (request.user_id.empty() || request.user_id.size() > kMaxIdBytes || !IsUtf8(request.user_id))
    throw BadRequest{"the path names no user"};
  if (request.user_id.find('/') != std::string::npos)
    throw BadRequest{"a category in the path is not taken; declare a [[feed]] for it"};
  const int n = NumberInQuery(http, "n", 10, 1000), offset = NumberInQuery(http, "offset", 0, 1000);
  request.size = std::clamp(n + offset, 1, 1000);
  const bool scores = http.Header("x-api-version") == "2";
  ServeFeed(
      s, http, std::move(request), std::move(reply),
      [offset, n, scores](const Feed& feed, const FeedRequest&, const FeatureSet&) {
        Json list = Json::array();
        for (std::size_t i = static_cast<std::size_t>(offset);
             i < feed.items.size() && list.size() < static_cast<std::size_t>(n); ++i) {
          const FeedItem& item = feed.items[i];
          list.push_back(scores ? Json{{"Id", item.item_id}, {"Score", JsonNumber(item.value)}} : Json(item.item_id));
        }
        return list;
      });
}

}  // namespace

std::vector<Route> GorseRoutes(ServiceState& s) {
  struct GorseRows {
    const char *method, *path, *id, *says;
    AddGorseRow add;
  };
  static constexpr const char* kReference = "https://gorse.io/docs/api/restful-api";
  static constexpr GorseRows kRows[] = {
      {"POST", "/api/feedback", "postGorseFeedback", "Feedback of users on items.", AddGorseFeedback},
      {"PUT", "/api/feedback", "putGorseFeedback", "Feedback of users on items.", AddGorseFeedback},
      {"POST", "/api/item", "postGorseItem", "An item of the catalogue.", AddGorseItem},
      {"POST", "/api/items", "postGorseItems", "Items of the catalogue.", AddGorseItem},
      {"POST", "/api/user", "postGorseUser", "A user.", AddGorseUser},
      {"POST", "/api/users", "postGorseUsers", "Users.", AddGorseUser},
  };
  std::vector<Route> routes;
  for (const GorseRows& rows : kRows)
    routes.push_back(
        {.method = rows.method,
         .path = rows.path,
         .scope = AccessScope::kEvents,
         .lane = Lane::kIngest,
         .call = [&s, add = rows.add](const auto& r, auto reply) { PostGorseRows(s, r, std::move(reply), add); },
         .content_types = {"application/json"},
         .operation = ProtocolOperation(rows.id, rows.says, "gorse", kReference, 200),
         .token = ApiKeyToken});
  routes.push_back({.method = "GET",
                    .path = "/api/recommend/",
                    .scope = AccessScope::kFeed,
                    .lane = s.feed_lane(),
                    .call = [&s](const auto& r, auto reply) { GetGorseRecommend(s, r, std::move(reply)); },
                    .operation = ProtocolOperation("getGorseRecommend", "A feed of a user, as ids or with scores.",
                                                   "gorse", kReference, 200, /*has_body=*/false,
                                                   {{"user", "path", JsonShape::Text(kMaxIdBytes, 1), ""},
                                                    {"n", "query", JsonShape::Whole(0, 1000), "How many."},
                                                    {"offset", "query", JsonShape::Whole(0, 1000), ""}}),
                    .token = ApiKeyToken});
  return routes;
}

}  // namespace gfr
