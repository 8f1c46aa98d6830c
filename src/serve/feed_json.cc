#include "serve/feed_json.h"

#include <algorithm>
#include <unordered_map>

#include "base/json_number.h"
#include "base/json_text.h"
#include "event/event_rules.h"
#include "event/property_value.h"
#include "serve/candidate_ids.h"
#include "serve/page_cursor.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using Input = nlohmann::json;  // Sorted: an ordered one takes quadratic time over names.

// Bounds of a feed request: no request may cost more than its share (docs/http.md).
constexpr std::size_t kMaxNames = 256;  // In a context, or in the properties of a candidate.
constexpr std::size_t kMaxExcluded = 10'000;
constexpr std::size_t kMaxBodyBytes = 2u << 20;

// A member by name; null if it is not there, which is what a null says too.
const Input& Member(const Input& object, const char* key) {
  static const Input kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

std::vector<Property> PropertiesOf(const Input& object, const char* key, const EventRules& rules) {
  std::vector<Property> list;
  const Input& properties = Member(object, key);
  if (properties.is_null()) return list;
  for (const auto& [name, value] : properties.items()) {
    if (auto property = PropertyOfJson(name, value))
      list.push_back(*std::move(property));
    else if (!value.is_null() && rules.properties.contains(name))
      throw BadRequest{std::string(key) + "." + name + " is neither a string nor a number nor a list of at most " +
                       std::to_string(kMaxVectorSize) + " numbers"};
  }
  if (const auto refused = ApplyRules(rules, key, &list)) throw BadRequest{refused->message};
  return list;
}

std::string IdOf(const Input& object, const char* key) {
  const Input& value = Member(object, key);
  return value.is_null() ? "" : value.get<std::string>();
}

EventItem CandidateOf(const Input& json, const EventRules& rules) {
  if (json.is_string()) return {.item_id = json.get<std::string>()};
  EventItem item{.item_id = IdOf(json, "item_id")};
  item.properties = PropertiesOf(json, "properties", rules);
  for (const Property& p : item.properties) {
    if (p.name == "price") item.price = NumberOf(p);
  }
  std::erase_if(item.properties, [](const Property& p) { return p.name == "price"; });
  return item;
}

}  // namespace

const JsonShape& FeedRequestShape() {
  static const JsonShape shape = [] {
    const JsonShape id = JsonShape::Text(kMaxIdBytes);
    const JsonShape properties = JsonShape::Map({}, kMaxNames, kMaxIdBytes);
    const JsonShape candidate = JsonShape::Object(
        {{.name = "item_id", .shape = JsonShape::Text(kMaxIdBytes, 1), .required = true},
         {.name = "properties", .shape = properties, .says = "Override the catalogue for this request; logged."}},
        /*is_closed=*/true);
    JsonShape size = JsonShape::Whole(1, 1000);
    JsonShape request = JsonShape::Object(
        {{.name = "request_id", .shape = id, .says = "Seeds exploration; the server makes one where it is missing."},
         {.name = "user_id", .shape = id},
         {.name = "session_id", .shape = id},
         {.name = "surface", .shape = id, .says = "Names the feed; any other name gets the first one."},
         {.name = "context", .shape = properties, .says = "Properties of the request."},
         {.name = "size", .shape = std::move(size), .says = "How many items are shown."},
         {.name = "exclude", .shape = JsonShape::List(id, kMaxExcluded, "an id of exclude")},
         {.name = "explain", .shape = JsonShape::Boolean(), .says = "Every feature of what is shown."},
         {.name = "paged", .shape = JsonShape::Boolean(), .says = "The reply has a `cursor` for the next page."},
         {.name = "cursor",
          .shape = JsonShape::Text(kMaxCursorBytes),
          .says = "Of the page before: what it and those before it showed is not shown again, and positions count on."},
         {.name = "candidates",
          .shape = JsonShape::List(JsonShape::Either({id, candidate}, "a candidate is neither an id nor an object"),
                                   10'000, "a candidate"),
          .says = "Each once; at most 400,000 / columns, from 1,000 to 10,000. Without it the feed's channels give "
                  "them."}},
        /*is_closed=*/true);
    request.one_of_these = {"user_id", "session_id"};
    return request;
  }();
  return shape;
}

std::optional<Property> PropertyOfJson(const std::string& name, const Input& value) {
  if (value.is_string()) return Property{.name = name, .text = value.get<std::string>()};
  if (value.is_boolean()) return Property{.name = name, .text = value.get<bool>() ? "true" : "false"};
  if (value.is_number_unsigned()) return PropertyOfWhole(name, value.get<std::uint64_t>());
  if (value.is_number_integer()) return PropertyOfWhole(name, value.get<std::int64_t>());
  if (value.is_number()) return Property{.name = name, .number = value.get<double>()};
  const bool is_vector = value.is_array() && !value.empty() && value.size() <= kMaxVectorSize &&
                         std::ranges::all_of(value, [](const Input& x) { return x.is_number(); });
  if (is_vector) return Property{.name = name, .vector = value.get<std::vector<float>>()};
  return std::nullopt;
}

HttpResponse JsonResponse(int status, const Json& json) { return {.status = status, .body = DumpJson(json) + "\n"}; }

std::size_t MaxCandidates(std::size_t columns) {
  constexpr std::size_t kMaxValues = 400'000;
  return std::clamp<std::size_t>(kMaxValues / std::max<std::size_t>(columns, 1), 1000, 10'000);
}

FeedRequest ParseFeedRequest(const std::string& body, std::size_t max_candidates, const EventRules& rules) {
  if (body.size() > kMaxBodyBytes) throw BadRequest{"the body is larger than 2 MiB"};
  std::optional<SplitBody> split = SplitCandidateIds(body, max_candidates, kMaxIdBytes);
  const Input json = split ? std::move(split->rest) : ParseJson<Input>(body, /*throws=*/false);
  if (auto wrong = FeedRequestShape().Check(json, json.is_object() ? "the request" : "the body"))
    throw BadRequest{*std::move(wrong)};
  FeedRequest r{.request_id = IdOf(json, "request_id"),
                .user_id = IdOf(json, "user_id"),
                .session_id = IdOf(json, "session_id"),
                .surface = IdOf(json, "surface"),
                .context = PropertiesOf(json, "context", rules)};
  if (const Input& size = Member(json, "size"); !size.is_null()) r.size = size;
  if (const Input& explain = Member(json, "explain"); !explain.is_null()) r.explain = explain;
  if (const Input& paged = Member(json, "paged"); !paged.is_null()) r.paged = paged;
  if (const std::string cursor = IdOf(json, "cursor"); !cursor.empty()) {
    auto page = DecodeCursor(cursor);
    if (!page.ok()) throw BadRequest{page.error().message};
    r.page = std::move(page).value();
    r.paged = true;
  }
  if (const Input& exclude = Member(json, "exclude"); !exclude.is_null())
    r.exclude = exclude.get<std::vector<std::string>>();
  if (split) {
    r.has_candidates = true;
    r.candidates.reserve(split->ids.size());
    for (std::string& id : split->ids) r.candidates.push_back({.item_id = std::move(id)});
  } else if (const Input& candidates = Member(json, "candidates"); !candidates.is_null()) {
    if (candidates.size() > max_candidates)
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
  for (const EventItem& item : request.candidates) {
    if (!item.properties.empty()) undeclared += schema.ReadRequestItem(item.properties, of_item);
  }
  return undeclared;
}

Json LeftOutJson(const SlateOutcome& outcome, const Event& request) {
  Json left_out = Json::array();
  for (const LeftOutByRule& one : outcome.left_out) {
    Json ids = one.ids;
    for (const std::uint32_t item : one.items) ids.push_back(request.items[item].item_id);
    left_out.push_back({{"rule", one.rule}, {"count", one.count}, {"items", std::move(ids)}});
  }
  return left_out;
}

Json FeedJson(const Feed& feed, const FeedRequest& request, const FeatureSet* features, bool explain) {
  const ServedSlate& served = feed.event.served;
  const std::size_t begin = request.page ? request.page->shown.size() : 0;
  Json items = Json::array();
  for (std::size_t p = 0; p < feed.items.size(); ++p) {
    const FeedItem& item = feed.items[p];
    Json json{{"item_id", item.item_id},
              {"position", begin + p},
              {"channel", item.channel},
              {"scores", Json::object()},
              {"propensity", item.propensity}};
    if (!item.source.empty()) json["source"] = item.source;
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
  Json json{{"request_id", request.request_id},
            {"experiment", std::move(assigned)},
            {"model", std::move(model)},
            {"degraded", feed.degraded},
            {"items", std::move(items)}};
  if (!feed.cursor.empty()) json["cursor"] = feed.cursor;
  if (request.explain || explain) json["left_out"] = LeftOutJson(feed.outcome, feed.event);
  return json;
}

// [feed] impressions = "on_serve": what was sent counts as seen.
Event ImpressionOf(const Event& request, const Feed& feed) {
  Event e = request;
  e.served = {};
  e.type = EventType::kFeedImpression;
  e.items.clear();
  for (const FeedItem& item : feed.items)
    e.items.push_back({.item_id = item.item_id, .index = request.items[item.item].index, .channel = item.channel});
  e.id = request.id + "/impression";
  return e;
}

}  // namespace gfr
