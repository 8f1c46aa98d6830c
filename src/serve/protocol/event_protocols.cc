#include "serve/protocol/event_protocols.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json_text.h"
#include "base/time.h"
#include "event/event_rules.h"
#include "event/property_value.h"
#include "serve/feed_json.h"

namespace gfr {

std::vector<Route> WithEventProtocols(ServiceState& s, const Access& access, std::vector<Route> routes) {
  static constexpr std::vector<Route> (*kProtocols[])(ServiceState&) = {
      Ga4Routes, SegmentRoutes, GorseRoutes, MetarankRoutes, FeastRoutes,
  };
  for (const auto protocol : kProtocols) {
    for (Route& route : protocol(s)) routes.push_back(std::move(route));
  }
  for (Route& route : PersonalizeRoutes(s, access)) routes.push_back(std::move(route));
  return routes;
}

ForeignEvents::ForeignEvents(ServiceState& s, std::string source)
    : s_(s), serving_(s.serving()), source_(std::move(source)), now_ms_(s.now_ms()) {}

void ForeignEvents::Add(std::size_t index, Event event) {
  event.source = source_;
  if (event.time_ms == 0) event.time_ms = now_ms_;
  if (event.id.empty())
    event.id = source_ + "/" + std::to_string(now_ms_) + "/" + std::to_string(s_.next_offset.load()) + "/" +
               std::to_string(++s_.generated);
  if (!IsCatalogue(event.type) && event.user_id.empty() && event.session_id.empty())
    return Reject(index, "missing_field", "the event names no user and no session");
  if (NeedsItems(event.type) && event.items.empty()) return Reject(index, "missing_field", "the event names no items");
  if (std::ranges::any_of(event.items, [](const EventItem& item) { return item.item_id.empty(); }))
    return Reject(index, "missing_field", "an item has no id");
  if (auto refused = ApplyRules(serving_->project->configuration().event_rules, &event))
    return parsed_.Reject(index, refused->code, std::move(refused->message));
  parsed_.events.push_back(std::move(event));
  parsed_.indexes.push_back(index);
}

void ForeignEvents::Reject(std::size_t index, const char* code, std::string message) {
  parsed_.Reject(index, code, std::move(message));
}

const nlohmann::json& MemberOf(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

std::string MemberText(const nlohmann::json& object, const char* key) {
  const nlohmann::json& value = MemberOf(object, key);
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? DumpJson(value) : "";
}

double MemberNumber(const nlohmann::json& object, const char* key) {
  const nlohmann::json& value = MemberOf(object, key);
  if (value.is_number()) return value.get<double>();
  double number = std::numeric_limits<double>::quiet_NaN();
  if (!value.is_string()) return number;
  const std::string& text = value.get_ref<const std::string&>();
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc{} && end == text.data() + text.size() ? number : std::numeric_limits<double>::quiet_NaN();
}

void AddProperties(const nlohmann::json& object, std::vector<Property>* to) {
  if (!object.is_object()) return;
  for (const auto& [name, value] : object.items()) {
    if (auto property = PropertyOfJson(name, value)) to->push_back(*std::move(property));
  }
}

void TakePrice(EventItem* item) {
  for (const Property& p : item->properties) {
    if (p.name == "price") item->price = NumberOf(p);
  }
  std::erase_if(item->properties, [](const Property& p) { return p.name == "price"; });
}

void KeepRules(const EventRules& rules, const char* what, std::vector<Property>* properties) {
  constexpr std::size_t kMostNames = 256;
  if (properties->size() > kMostNames) throw BadRequest{std::string(what) + " has more than 256 names"};
  if (const auto refused = ApplyRules(rules, what, properties)) throw BadRequest{refused->message};
}

std::int64_t MemberTimeMs(const nlohmann::json& object, const char* key) {
  const double number = MemberNumber(object, key);
  if (std::isfinite(number) && number > 0 && number < 1e15) return static_cast<std::int64_t>(number);
  const nlohmann::json& value = MemberOf(object, key);
  if (!value.is_string()) return 0;
  const auto time = ParseTime(value.get_ref<const std::string&>());
  return time.ok() ? time.value() : 0;
}

nlohmann::json ParseBody(const std::string& body) {
  constexpr std::size_t kMostBytes = 4u << 20;  // As documents take a multiple of it.
  if (body.size() > kMostBytes) throw BadRequest{"the body is larger than 4 MiB"};
  constexpr int kDeepest = 32;  // Copying a document takes stack for each level.
  const auto bounded = [](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
    if (depth > kDeepest) throw BadRequest{"the body is nested deeper than 32"};
    return true;
  };
  nlohmann::json json = nlohmann::json::parse(body, bounded, false);
  if (json.is_discarded()) throw BadRequest{"the body is not valid JSON"};
  return json;
}

std::shared_ptr<const Operation> ProtocolOperation(std::string id, std::string says, std::string tag,
                                                   std::string reference, int status, bool has_body,
                                                   std::vector<OperationParameter> parameters,
                                                   std::vector<int> problems) {
  Operation operation{.id = std::move(id),
                      .says = std::move(says),
                      .tag = std::move(tag),
                      .reference = std::move(reference),
                      .parameters = std::move(parameters),
                      .replies = {{status, {{"It is done.", {}, status == 204 ? "" : "application/json"}}}},
                      .problems = std::move(problems)};
  if (has_body) operation.bodies = {{"application/json", {}}};
  return std::make_shared<const Operation>(std::move(operation));
}

}  // namespace gfr
