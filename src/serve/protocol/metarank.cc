// Metarank's HTTP API (docs.metarank.ai/reference/api): feedback and ranking.
#include <set>

#include "base/clock.h"
#include "base/json_number.h"
#include "base/text_encoding.h"
#include "event/event_rules.h"
#include "feature/feature_set.h"
#include "serve/feed_json.h"
#include "serve/protocol/credentials.h"
#include "serve/protocol/event_protocols.h"
#include "serve/url_query.h"

namespace gfr {
namespace {

using Input = nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr const char* kMetarankReference = "https://docs.metarank.ai/reference/api";

// [{"name", "value"}] to properties; a list of texts is its first one.
void AddMetarankFields(const Input& fields, std::vector<Property>* to) {
  if (!fields.is_array()) return;
  Input object = Input::object();
  for (const Input& field : fields) {
    const Input& value = MemberOf(field, "value");
    object[MemberText(field, "name")] = value.is_array() && !value.empty() && value[0].is_string() ? value[0] : value;
  }
  object.erase("");
  AddProperties(object, to);
}

// The price is an item's own.
EventItem MetarankItemOf(std::string id, const Input& fields) {
  EventItem item{.item_id = std::move(id)};
  AddMetarankFields(fields, &item.properties);
  TakePrice(&item);
  return item;
}

EventType MetarankTypeOf(const std::string& interaction, std::string* kind) {
  static constexpr std::pair<std::string_view, EventType> kTypes[] = {
      {"click", EventType::kFeedClick},     {"view", EventType::kItemView},        {"cart", EventType::kCartAdd},
      {"add_to_cart", EventType::kCartAdd}, {"wishlist", EventType::kWishlistAdd}, {"like", EventType::kWishlistAdd},
      {"purchase", EventType::kPurchase},   {"hide", EventType::kItemHide},
  };
  for (const auto& [name, type] : kTypes) {
    if (name == interaction) return type;
  }
  *kind = interaction;
  return EventType::kItemView;
}

void AddMetarankEvent(std::size_t index, const Input& json, ForeignEvents* events) {
  const std::string kind = MemberText(json, "event");
  Event e{.id = MemberText(json, "id"), .user_id = MemberText(json, "user"), .session_id = MemberText(json, "session")};
  e.time_ms = MemberTimeMs(json, "timestamp");
  if (kind == "item" || kind == "metadata") {
    e.type = EventType::kItemUpdate;
    e.items = {MetarankItemOf(MemberText(json, "item"), MemberOf(json, "fields"))};
  } else if (kind == "user") {
    e.type = EventType::kUserUpdate;
    AddMetarankFields(MemberOf(json, "fields"), &e.context);
  } else if (kind == "ranking") {
    e.type = EventType::kFeedImpression;
    e.request_id = e.id;
    AddMetarankFields(MemberOf(json, "fields"), &e.context);
    const Input& items = MemberOf(json, "items");
    for (std::size_t i = 0; items.is_array() && i < items.size(); ++i)
      e.items.push_back({.item_id = MemberText(items[i], "id"), .index = static_cast<std::int32_t>(i)});
  } else if (kind == "interaction") {
    e.type = MetarankTypeOf(MemberText(json, "type"), &e.kind);
    e.request_id = MemberText(json, "ranking");
    e.items = {{.item_id = MemberText(json, "item")}};
    AddMetarankFields(MemberOf(json, "fields"), &e.context);
  } else {
    return events->Reject(
        index, "unknown_type",
        "event is '" + kind.substr(0, 64) + "'; valid are item, metadata, user, ranking and interaction");
  }
  events->Add(index, std::move(e));
}

void PostMetarankFeedback(ServiceState& s, const HttpRequest& request, HttpReply reply) {
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const Input body = ParseBody(request.body);
  ForeignEvents events(s, "metarank");
  if (!body.is_array()) AddMetarankEvent(0, body, &events);
  for (std::size_t i = 0; body.is_array() && i < body.size(); ++i) AddMetarankEvent(i, body[i], &events);
  TakeEvents(s, events.Take(), std::move(reply), [](const TakenEvents& taken) {
    if (taken.none()) return ProblemResponse(400, "Bad Request", taken.rejected.rejected.front().message);
    return JsonResponse(200, {{"status", "ok"},
                              {"accepted", taken.accepted + taken.duplicates},
                              {"rejected", taken.rejected.rejected_count}});
  });
}

Json MetarankRankedJson(const Feed& feed, const FeatureSet& features, bool explain, double begin_s) {
  Json items = Json::array();
  const ServedSlate& served = feed.event.served;
  for (const FeedItem& item : feed.items) {
    Json ranked{{"item", item.item_id}, {"score", JsonNumber(item.value)}};
    const std::int64_t row = explain ? served.RowOf(item.item) : -1;
    for (std::size_t k = 0; row >= 0 && k < served.columns.size(); ++k)
      ranked["features"].push_back({{"name", features.features[k].view->spec().name},
                                    {"value", JsonNumber(served.columns[k].values[static_cast<std::size_t>(row)])}});
    items.push_back(std::move(ranked));
  }
  return {{"took", static_cast<std::int64_t>((MonotonicSeconds() - begin_s) * 1000)}, {"items", std::move(items)}};
}

// All items of the request, ranked: the model in the path names the feed.
void PostMetarankRank(ServiceState& s, const HttpRequest& http, HttpReply reply) {
  const Input body = ParseBody(http.body);
  const auto id = [&body](const char* key) {
    std::string text = MemberText(body, key);
    if (text.size() > kMaxIdBytes) throw BadRequest{std::string(key) + " is longer than 1024 bytes"};
    return text;
  };
  FeedRequest request{.request_id = id("id"), .user_id = id("user"), .session_id = id("session")};
  if (request.user_id.empty() && request.session_id.empty()) throw BadRequest{"user or session is missing"};
  if (http.parameter.size() > kMaxIdBytes || !IsUtf8(http.parameter))
    throw BadRequest{"the path names no model of at most 1024 bytes of UTF-8"};
  request.surface = http.parameter;
  const std::shared_ptr<const Serving> serving = s.serving();
  const EventRules& rules = serving->project->configuration().event_rules;
  AddMetarankFields(MemberOf(body, "fields"), &request.context);
  KeepRules(rules, "fields", &request.context);
  const Input& items = MemberOf(body, "items");
  const std::size_t most = std::min<std::size_t>(1000, MaxCandidates(serving->features().columns()));
  if (!items.is_array() || items.empty() || items.size() > most)
    throw BadRequest{"items is not a list of 1 to " + std::to_string(most)};
  std::set<std::string> seen;
  for (const Input& item : items) {
    std::string name = MemberText(item, "id");
    if (name.empty() || name.size() > kMaxIdBytes) throw BadRequest{"an item has no id, or one over 1024 bytes"};
    if (!seen.insert(name).second) throw BadRequest{"item '" + name.substr(0, 100) + "' is there twice"};
    request.candidates.push_back(MetarankItemOf(std::move(name), MemberOf(item, "fields")));
    KeepRules(rules, "fields of an item", &request.candidates.back().properties);
  }
  request.has_candidates = true;
  request.size = static_cast<int>(request.candidates.size());
  request.explain = QueryValue(http, "explain") == "true";
  const double begin_s = MonotonicSeconds();
  ServeFeed(s, http, std::move(request), std::move(reply),
            [begin_s](const Feed& feed, const FeedRequest& of, const FeatureSet& features) {
              return MetarankRankedJson(feed, features, of.explain, begin_s);
            });
}

}  // namespace

std::vector<Route> MetarankRoutes(ServiceState& s) {
  return {{.method = "POST",
           .path = "/feedback",
           .scope = AccessScope::kEvents,
           .lane = Lane::kIngest,
           .call = [&s](const auto& r, auto reply) { PostMetarankFeedback(s, r, std::move(reply)); },
           .content_types = {"application/json"},
           .operation = ProtocolOperation("postMetarankFeedback", "An event of Metarank, or a list.", "metarank",
                                          kMetarankReference, 200),
           .token = ApiKeyToken},
          {.method = "POST",
           .path = "/rank/",
           .scope = AccessScope::kFeed,
           .lane = s.feed_lane(),
           .call = [&s](const auto& r, auto reply) { PostMetarankRank(s, r, std::move(reply)); },
           .content_types = {"application/json"},
           .operation = ProtocolOperation("postMetarankRank", "Ranks the items of the request.", "metarank",
                                          kMetarankReference, 200, true,
                                          {{"model", "path", JsonShape::Text(kMaxIdBytes), "Names the feed."},
                                           {"explain", "query", JsonShape::Boolean(), "Every feature."}},
                                          /*problems=*/{409}),
           .token = ApiKeyToken}};
}

}  // namespace gfr
