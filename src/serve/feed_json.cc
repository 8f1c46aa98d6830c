#include "serve/feed_json.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/json_number.h"
#include "base/json_text.h"
#include "event/event_rules.h"
#include "event/property_value.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using Input = nlohmann::json;  // Sorted: an ordered one takes quadratic time over names.

// Bounds of a feed request: no request may cost more than its share (docs/http.md).
constexpr std::size_t kMaxNames = 256;  // In a context, or in the properties of a candidate.
constexpr std::size_t kMaxExcluded = 10'000;
constexpr std::size_t kMaxBodyBytes = 2u << 20;

void CheckId(const std::string& id, const char* what) {
  if (id.size() > kMaxIdBytes)
    throw BadRequest{std::string(what) + " is longer than " + std::to_string(kMaxIdBytes) + " bytes"};
}

// A member by name; null if it is not there, which is what a null says too.
const Input& Member(const Input& object, const char* key) {
  static const Input kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

void RefuseUnknown(const Input& object, std::initializer_list<std::string_view> known, const std::string& what) {
  std::string unknown;
  int more = 0;
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    if (more++ < 5) unknown += (unknown.empty() ? "'" : ", '") + name.substr(0, 100) + "'";
  }
  if (more == 0) return;
  std::string valid;
  for (const std::string_view name : known) valid += (valid.empty() ? "" : ", ") + std::string(name);
  throw BadRequest{what + " has unknown members: " + unknown + (more > 5 ? " and more" : "") + "; valid are " + valid};
}

std::vector<Property> PropertiesOf(const Input& object, const char* key, const EventRules& rules) {
  std::vector<Property> list;
  const Input& properties = Member(object, key);
  if (properties.is_null()) return list;
  if (!properties.is_object()) throw BadRequest{std::string(key) + " is not an object"};
  if (properties.size() > kMaxNames)
    throw BadRequest{std::string(key) + " has more than " + std::to_string(kMaxNames) + " names"};
  for (const auto& [name, value] : properties.items()) {
    CheckId(name, key);
    if (value.is_string()) {
      list.push_back({.name = name, .text = value.get<std::string>()});
      if (list.back().text.size() > kMaxTextBytes)
        throw BadRequest{std::string(key) + "." + name + " is longer than " + std::to_string(kMaxTextBytes) + " bytes"};
    } else if (value.is_boolean()) {
      list.push_back({.name = name, .text = value.get<bool>() ? "true" : "false"});
    } else if (value.is_number_unsigned()) {
      list.push_back(PropertyOfWhole(name, value.get<std::uint64_t>()));
    } else if (value.is_number_integer()) {
      list.push_back(PropertyOfWhole(name, value.get<std::int64_t>()));
    } else if (value.is_number()) {
      list.push_back({.name = name, .number = value.get<double>()});
    } else if (value.is_array() && !value.empty() && value.size() <= kMaxVectorSize &&
               std::ranges::all_of(value, [](const Input& x) { return x.is_number(); })) {
      list.push_back({.name = name, .vector = value.get<std::vector<float>>()});
    } else if (!value.is_null() && rules.properties.contains(name)) {
      throw BadRequest{std::string(key) + "." + name + " is neither a string nor a number nor a list of at most " +
                       std::to_string(kMaxVectorSize) + " numbers"};
    }
  }
  if (const auto refused = ApplyRules(rules, key, &list)) throw BadRequest{refused->message};
  return list;
}

std::string IdOf(const Input& object, const char* key) {
  const Input& value = Member(object, key);
  if (value.is_null()) return "";
  if (!value.is_string()) throw BadRequest{std::string(key) + " is not a string"};
  std::string id = value.get<std::string>();
  CheckId(id, key);
  return id;
}

EventItem CandidateOf(const Input& json, const EventRules& rules) {
  if (json.is_string()) {
    EventItem item{.item_id = json.get<std::string>()};
    CheckId(item.item_id, "the id of a candidate");
    return item;
  }
  if (!json.is_object()) throw BadRequest{"a candidate is neither an id nor an object"};
  RefuseUnknown(json, {"item_id", "properties"}, "a candidate");
  EventItem item{.item_id = IdOf(json, "item_id")};
  if (item.item_id.empty()) throw BadRequest{"a candidate has no item_id"};
  item.properties = PropertiesOf(json, "properties", rules);
  for (const Property& p : item.properties) {
    if (p.name == "price") item.price = NumberOf(p);
  }
  std::erase_if(item.properties, [](const Property& p) { return p.name == "price"; });
  return item;
}

}  // namespace

HttpResponse JsonResponse(int status, const Json& json) { return {.status = status, .body = DumpJson(json) + "\n"}; }

std::string TextOf(const Json& object, const char* key) {
  if (!object.contains(key) || object[key].is_null()) return "";
  if (!object[key].is_string()) throw BadRequest{std::string(key) + " is not a string"};
  return object[key].get<std::string>();
}

std::size_t MaxCandidates(std::size_t columns) {
  constexpr std::size_t kMaxValues = 400'000;
  return std::clamp<std::size_t>(kMaxValues / std::max<std::size_t>(columns, 1), 1000, 10'000);
}

FeedRequest ParseFeedRequest(const std::string& body, std::size_t max_candidates, const EventRules& rules) {
  if (body.size() > kMaxBodyBytes) throw BadRequest{"the body is larger than 2 MiB"};
  const Input json = ParseJson<Input>(body, /*throws=*/false);
  if (!json.is_object()) throw BadRequest{"the body is not a JSON object"};
  RefuseUnknown(
      json, {"request_id", "user_id", "session_id", "surface", "context", "size", "exclude", "explain", "candidates"},
      "the request");
  FeedRequest r{.request_id = IdOf(json, "request_id"),
                .user_id = IdOf(json, "user_id"),
                .session_id = IdOf(json, "session_id"),
                .surface = IdOf(json, "surface"),
                .context = PropertiesOf(json, "context", rules)};
  if (r.user_id.empty() && r.session_id.empty()) throw BadRequest{"user_id or session_id is missing"};
  if (const Input& size = Member(json, "size"); !size.is_null()) {
    if (!size.is_number_integer() || size < 1 || size > 1000)
      throw BadRequest{"size is not a whole number from 1 to 1000"};
    r.size = size;
  }
  if (const Input& explain = Member(json, "explain"); !explain.is_null()) {
    if (!explain.is_boolean()) throw BadRequest{"explain is neither true nor false"};
    r.explain = explain;
  }
  if (const Input& exclude = Member(json, "exclude"); !exclude.is_null()) {
    if (!exclude.is_array() || exclude.size() > kMaxExcluded)
      throw BadRequest{"exclude is not a list of at most " + std::to_string(kMaxExcluded)};
    for (const Input& id : exclude) {
      if (!id.is_string()) throw BadRequest{"exclude holds what is not an id"};
      r.exclude.push_back(id);
      CheckId(r.exclude.back(), "an id of exclude");
    }
  }
  if (const Input& candidates = Member(json, "candidates"); !candidates.is_null()) {
    if (!candidates.is_array() || candidates.size() > max_candidates)
      throw BadRequest{"candidates is not a list of at most " + std::to_string(max_candidates)};
    r.has_candidates = true;
    r.candidates.reserve(candidates.size());  // So that the ids stay where they are.
    std::unordered_map<std::string_view, std::size_t> places(candidates.size());
    for (const Input& c : candidates) {
      r.candidates.push_back(CandidateOf(c, rules));
      const auto [first, is_new] = places.try_emplace(r.candidates.back().item_id, r.candidates.size() - 1);
      if (!is_new)
        throw BadRequest{"candidates " + std::to_string(first->second) + " and " +
                         std::to_string(r.candidates.size() - 1) + " are the same item, '" +
                         std::string(first->first.substr(0, 100)) + "'; valid is each item once"};
    }
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
      json["scores"][s.objective] = JsonNumber(s.values[item.item]);
      if (!s.at_shown.empty()) json["scores_at_shown"][s.objective] = JsonNumber(s.at_shown[item.item]);
    }
    json["scores"]["value"] = JsonNumber(item.value);
    const std::int64_t row = served.RowOf(item.item);
    if ((request.explain || explain) && row >= 0) {
      for (std::size_t k = 0; k < served.columns.size(); ++k)
        json["features"][features->features[k].view->spec().name] =
            JsonNumber(served.columns[k].values[static_cast<std::size_t>(row)]);
    }
    items.push_back(std::move(json));
  }
  Json model{{"name", feed.model_name}, {"version", feed.model_version}};
  if (feed.sampled_slates) model["slates"] = "sampled";
  Json assigned = Json::object();
  for (const ServedExperiment& e : served.experiments) assigned[e.experiment] = e.variant;
  return {{"request_id", request.request_id},
          {"experiment", std::move(assigned)},
          {"model", std::move(model)},
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
