// Segment's HTTP tracking API and its ecommerce events (segment.com/docs/connections/spec/ecommerce/v2).
#include <cmath>

#include "serve/protocol/credentials.h"
#include "serve/protocol/event_protocols.h"

namespace gfr {
namespace {

using Input = nlohmann::json;

struct SegmentEvent {
  std::string_view name;
  EventType type;
};
constexpr SegmentEvent kSegmentEvents[] = {
    {"Product List Viewed", EventType::kFeedImpression},
    {"Product Clicked", EventType::kFeedClick},
    {"Product Viewed", EventType::kItemView},
    {"Product Added", EventType::kCartAdd},
    {"Product Removed", EventType::kCartRemove},
    {"Product Added to Wishlist", EventType::kWishlistAdd},
    {"Order Completed", EventType::kPurchase},
    {"Order Refunded", EventType::kPurchaseReturn},
    {"Order Cancelled", EventType::kPurchaseCancel},
    {"Products Searched", EventType::kSearch},
    {"Application Opened", EventType::kAppOpen},
};

EventItem SegmentItemOf(const Input& json) {
  EventItem item{.item_id = MemberText(json, "product_id"), .price = MemberNumber(json, "price")};
  if (item.item_id.empty()) item.item_id = MemberText(json, "sku");
  // Segment counts positions from 1.
  if (const double position = MemberNumber(json, "position"); position >= 1 && position < 1e6)
    item.index = static_cast<std::int32_t>(position) - 1;
  if (const double quantity = MemberNumber(json, "quantity"); quantity >= 1 && quantity < 1e6)
    item.quantity = static_cast<std::int32_t>(quantity);
  for (const char* name : {"name", "brand", "category"}) {
    if (std::string text = MemberText(json, name); !text.empty())
      item.properties.push_back({.name = name, .text = std::move(text)});
  }
  return item;
}

Event SegmentEventOf(const Input& message, EventType type) {
  Event e{.id = MemberText(message, "messageId"), .type = type, .user_id = MemberText(message, "userId")};
  if (e.user_id.empty()) e.user_id = MemberText(message, "anonymousId");
  e.time_ms = MemberTimeMs(message, "timestamp");
  if (e.time_ms == 0) e.time_ms = MemberTimeMs(message, "sentAt");
  e.session_id = MemberText(MemberOf(message, "context"), "sessionId");
  return e;
}

void AddSegmentTrack(std::size_t index, const Input& message, ForeignEvents* events) {
  const std::string name = MemberText(message, "event");
  const SegmentEvent* known = std::ranges::find(kSegmentEvents, std::string_view(name), &SegmentEvent::name);
  if (known == std::end(kSegmentEvents)) return;  // Nothing to us.
  const Input& properties = MemberOf(message, "properties");
  Event e = SegmentEventOf(message, known->type);
  const Input& products = MemberOf(properties, "products");
  for (std::size_t i = 0; products.is_array() && i < products.size(); ++i)
    e.items.push_back(SegmentItemOf(products[i]));
  if (e.items.empty() && properties.is_object()) {
    EventItem item = SegmentItemOf(properties);
    if (!item.item_id.empty()) e.items.push_back(std::move(item));
  }
  e.surface = MemberText(properties, "list_id");
  for (const char* value : {"value", "revenue", "total"}) {
    if (std::isnan(e.value)) e.value = MemberNumber(properties, value);
  }
  e.currency = MemberText(properties, "currency");
  e.transaction_id = MemberText(properties, "order_id");
  if (known->type == EventType::kSearch) e.kind = MemberText(properties, "query");
  events->Add(index, std::move(e));
}

// Each message is an alias of its own: on a device that changes hands, the login before may come back.
void AddSegmentAlias(std::size_t index, const Input& message, const std::string& from, const std::string& to,
                     ForeignEvents* events) {
  if (from.empty() || to.empty() || from == to) return;
  const std::string id = MemberText(message, "messageId");
  events->Add(index, {.id = id.empty() ? "" : "alias/" + id,
                      .type = EventType::kUserAlias,
                      .time_ms = MemberTimeMs(message, "timestamp"),
                      .user_id = to,
                      .kind = from});
}

void AddSegmentMessage(std::size_t index, const Input& message, const std::string& type, ForeignEvents* events) {
  const std::string user = MemberText(message, "userId"), anonymous = MemberText(message, "anonymousId");
  if (type == "track") {
    AddSegmentTrack(index, message, events);
  } else if (type == "alias") {
    AddSegmentAlias(index, message, MemberText(message, "previousId"), user, events);
  } else if (type == "identify") {
    AddSegmentAlias(index, message, anonymous, user, events);
    Event e = SegmentEventOf(message, EventType::kUserUpdate);
    AddProperties(MemberOf(message, "traits"), &e.context);
    if (!e.context.empty()) events->Add(index, std::move(e));
  }
}

void AnswerSegment(ServiceState& s, ForeignEvents* events, HttpReply reply) {
  TakeEvents(s, events->Take(), std::move(reply), [](const TakenEvents& taken) {
    if (taken.none()) return ProblemResponse(400, "Bad Request", taken.rejected.rejected.front().message);
    return HttpResponse{.body = "{\"success\":true}\n"};
  });
}

void PostSegmentMessage(ServiceState& s, const HttpRequest& request, const std::string& type, HttpReply reply) {
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const Input body = ParseBody(request.body);
  if (!body.is_object()) throw BadRequest{"the body is not a JSON object"};
  ForeignEvents events(s, "segment");
  if (type != "batch") {
    AddSegmentMessage(0, body, type, &events);
    return AnswerSegment(s, &events, std::move(reply));
  }
  const Input& batch = MemberOf(body, "batch");
  if (!batch.is_array() || batch.size() > 10'000) throw BadRequest{"batch is not a list of at most 10000 messages"};
  for (std::size_t i = 0; i < batch.size(); ++i) AddSegmentMessage(i, batch[i], MemberText(batch[i], "type"), &events);
  AnswerSegment(s, &events, std::move(reply));
}

}  // namespace

std::vector<Route> SegmentRoutes(ServiceState& s) {
  std::vector<Route> routes;
  for (const char* type : {"track", "identify", "alias", "batch"}) {
    routes.push_back(
        {.method = "POST",
         .path = std::string("/v1/") + type,
         .scope = AccessScope::kEvents,
         .lane = Lane::kIngest,
         .call = [&s, type](const auto& r, auto reply) { PostSegmentMessage(s, r, type, std::move(reply)); },
         .content_types = {"application/json"},
         .operation = ProtocolOperation(
             std::string("postSegment-") + type, std::string("A message of Segment: ") + type + ".", "segment",
             "https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/", 200),
         .token = BasicUserToken});
  }
  return routes;
}

}  // namespace gfr
