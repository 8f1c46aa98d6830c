#include "serve/feed_json.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

Json Number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

std::vector<Property> PropertiesOf(const Json& object, const char* key) {
  std::vector<Property> list;
  if (!object.contains(key)) return list;
  if (!object[key].is_object()) throw BadRequest{std::string(key) + " is not an object"};
  for (const auto& [name, value] : object[key].items()) {
    if (value.is_string())
      list.push_back({.name = name, .text = value.get<std::string>()});
    else if (value.is_number())
      list.push_back({.name = name, .number = value.get<double>()});
    else if (value.is_array() && !value.empty() && value.size() <= kMaxVectorSize &&
             std::ranges::all_of(value, [](const Json& x) { return x.is_number(); }))
      list.push_back({.name = name, .vector = value.get<std::vector<float>>()});
    else
      throw BadRequest{std::string(key) + "." + name + " is neither a string nor a number nor a list of at most " +
                       std::to_string(kMaxVectorSize) + " numbers"};
  }
  return list;
}

EventItem CandidateOf(const Json& json) {
  if (json.is_string()) return {.item_id = json.get<std::string>()};
  if (!json.is_object()) throw BadRequest{"a candidate is neither an id nor an object"};
  EventItem item{.item_id = TextOf(json, "item_id")};
  if (item.item_id.empty()) throw BadRequest{"a candidate has no item_id"};
  item.properties = PropertiesOf(json, "properties");
  for (const Property& p : item.properties) {
    if (p.name == "price") item.price = p.number;
  }
  std::erase_if(item.properties, [](const Property& p) { return p.name == "price"; });
  return item;
}

}  // namespace

HttpResponse JsonResponse(int status, const Json& json) {
  return {.status = status, .body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

std::string TextOf(const Json& object, const char* key) {
  if (!object.contains(key) || object[key].is_null()) return "";
  if (!object[key].is_string()) throw BadRequest{std::string(key) + " is not a string"};
  return object[key].get<std::string>();
}

FeedRequest ParseFeedRequest(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) throw BadRequest{"the body is not a JSON object"};
  FeedRequest r{.request_id = TextOf(json, "request_id"),
                .user_id = TextOf(json, "user_id"),
                .session_id = TextOf(json, "session_id"),
                .surface = TextOf(json, "surface"),
                .context = PropertiesOf(json, "context")};
  if (r.user_id.empty() && r.session_id.empty()) throw BadRequest{"user_id or session_id is missing"};
  if (json.contains("size")) {
    if (!json["size"].is_number_integer() || json["size"] < 1 || json["size"] > 1000)
      throw BadRequest{"size is not a whole number from 1 to 1000"};
    r.size = json["size"];
  }
  if (json.contains("explain")) {
    if (!json["explain"].is_boolean()) throw BadRequest{"explain is neither true nor false"};
    r.explain = json["explain"];
  }
  if (json.contains("exclude")) {
    if (!json["exclude"].is_array()) throw BadRequest{"exclude is not a list"};
    for (const Json& id : json["exclude"]) {
      if (!id.is_string()) throw BadRequest{"exclude holds what is not an id"};
      r.exclude.push_back(id);
    }
  }
  if (json.contains("candidates")) {
    if (!json["candidates"].is_array() || json["candidates"].size() > 10000)
      throw BadRequest{"candidates is not a list of at most 10000"};
    r.has_candidates = true;
    for (const Json& c : json["candidates"]) r.candidates.push_back(CandidateOf(c));
  }
  return r;
}

std::size_t UndeclaredNames(const FeedRequest& request, const PropertySchema& schema) {
  std::vector<PropertyValue> values(schema.request_names.size()), of_item(schema.request_item_names.size());
  std::size_t undeclared = schema.ReadRequest(request.context, values);
  for (const EventItem& item : request.candidates) undeclared += schema.ReadRequestItem(item.properties, of_item);
  return undeclared;
}

Json FeedJson(const Feed& feed, const FeedRequest& request, const FeatureSet* features, bool explain) {
  const ServedSlate& served = feed.event.served;
  Json items = Json::array();
  for (std::size_t p = 0; p < feed.items.size(); ++p) {
    const FeedItem& item = feed.items[p];
    Json json{{"item_id", item.item_id},
              {"position", p},
              {"channel", item.channel},
              {"scores", Json::object()},
              {"propensity", item.propensity}};
    for (const ServedScores& s : served.scores) {
      if (s.model != 0) continue;
      json["scores"][s.objective] = Number(s.values[item.item]);
      if (!s.at_shown.empty()) json["scores_at_shown"][s.objective] = Number(s.at_shown[item.item]);
    }
    json["scores"]["value"] = Number(item.value);
    const std::int64_t row = served.RowOf(item.item);
    if ((request.explain || explain) && row >= 0) {
      for (std::size_t k = 0; k < served.columns.size(); ++k)
        json["features"][features->features[k].view->spec().name] =
            Number(served.columns[k].values[static_cast<std::size_t>(row)]);
    }
    items.push_back(std::move(json));
  }
  return {{"request_id", request.request_id},
          {"experiment", Json::object()},
          {"model", {{"name", feed.model_name}, {"version", feed.model_version}}},
          {"degraded", feed.degraded},
          {"items", std::move(items)}};
}

// [feed] impressions = "on_serve": what was sent counts as seen.
Event ImpressionOf(const Event& request, const Feed& feed) {
  Event e = request;
  e.served = {};
  e.type = EventType::kFeedImpression;
  e.items.clear();
  for (const FeedItem& item : feed.items)
    e.items.push_back(
        {.item_id = item.item_id, .index = static_cast<std::int32_t>(e.items.size()), .channel = item.channel});
  e.id = request.id + "/impression";
  return e;
}

}  // namespace gfr
