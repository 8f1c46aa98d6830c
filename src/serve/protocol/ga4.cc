// Google Analytics 4, Measurement Protocol (developers.google.com/analytics/devguides/collection/protocol/ga4).
#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/json_text.h"
#include "serve/protocol/credentials.h"
#include "serve/protocol/event_protocols.h"

namespace gfr {
namespace {

using Input = nlohmann::json;

struct Ga4Event {
  std::string_view name;
  EventType type;
};
constexpr Ga4Event kGa4Events[] = {
    {"view_item_list", EventType::kFeedImpression},
    {"select_item", EventType::kFeedClick},
    {"view_item", EventType::kItemView},
    {"add_to_cart", EventType::kCartAdd},
    {"remove_from_cart", EventType::kCartRemove},
    {"add_to_wishlist", EventType::kWishlistAdd},
    {"purchase", EventType::kPurchase},
    {"refund", EventType::kPurchaseReturn},
    {"session_start", EventType::kAppOpen},
    {"view_search_results", EventType::kSearch},
    {"search", EventType::kSearch},
};

EventItem Ga4ItemOf(const Input& json) {
  EventItem item{.item_id = MemberText(json, "item_id"), .price = MemberNumber(json, "price")};
  if (const double index = MemberNumber(json, "index"); index >= 0 && index < 1e6)
    item.index = static_cast<std::int32_t>(index);
  if (const double quantity = MemberNumber(json, "quantity"); quantity >= 1 && quantity < 1e6)
    item.quantity = static_cast<std::int32_t>(quantity);
  for (const char* name : {"item_name", "item_brand", "item_category"}) {
    if (std::string text = MemberText(json, name); !text.empty())
      item.properties.push_back({.name = name, .text = std::move(text)});
  }
  return item;
}

// What is sent again with its time has its id again.
std::string Ga4IdOf(const std::string& who, std::int64_t micros, const std::string& what) {
  return "ga4/" + Sha256Hex(who + "\n" + std::to_string(micros) + "\n" + what).substr(0, 32);
}

// Of the event, else of the body; 0: neither says it.
std::int64_t Ga4MicrosOf(const Input& body, const Input& sent) {
  double micros = MemberNumber(sent, "timestamp_micros");
  if (std::isnan(micros)) micros = MemberNumber(body, "timestamp_micros");
  return micros > 0 && micros < 1e18 ? static_cast<std::int64_t>(micros) : 0;
}

Event Ga4EventOf(const Input& body, const Input& sent, EventType type) {
  const Input& params = MemberOf(sent, "params");
  Event e{.type = type};
  const std::string client = MemberText(body, "client_id"), user = MemberText(body, "user_id");
  e.user_id = user.empty() ? client : user;
  e.session_id = MemberText(params, "session_id");
  if (const std::int64_t micros = Ga4MicrosOf(body, sent); micros != 0) {
    e.time_ms = micros / 1000;
    e.id = Ga4IdOf(e.user_id, micros, DumpJson(sent));
  }
  const Input& items = MemberOf(params, "items");
  for (std::size_t i = 0; items.is_array() && i < items.size(); ++i) e.items.push_back(Ga4ItemOf(items[i]));
  e.surface = MemberText(params, "item_list_id");
  if (e.surface.empty() && !e.items.empty()) e.surface = MemberText(items[0], "item_list_id");
  e.value = MemberNumber(params, "value");
  e.currency = MemberText(params, "currency");
  e.transaction_id = MemberText(params, "transaction_id");
  if (type == EventType::kSearch) e.kind = MemberText(params, "search_term");
  return e;
}

// A body with both ids says that the client is the user's: now, as on a device that changes hands another one may have
// been there meanwhile.
Event Ga4AliasOf(const Input& body, const Input& sent) {
  Event e{.type = EventType::kUserAlias, .user_id = MemberText(body, "user_id"), .kind = MemberText(body, "client_id")};
  if (const std::int64_t micros = Ga4MicrosOf(body, sent.empty() ? body : sent[0]); micros != 0) {
    e.time_ms = micros / 1000;
    e.id = Ga4IdOf(e.user_id, micros, "alias/" + e.kind);
  }
  return e;
}

void CollectGa4(ServiceState& s, const HttpRequest& request, HttpReply reply) {
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const Input body = ParseBody(request.body);
  const Input& sent = MemberOf(body, "events");
  if (!sent.is_array() || sent.size() > 25) throw BadRequest{"events is not a list of at most 25"};
  ForeignEvents events(s, "ga4");
  const std::string client = MemberText(body, "client_id"), user = MemberText(body, "user_id");
  if (!client.empty() && !user.empty() && client != user) events.Add(0, Ga4AliasOf(body, sent));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const std::string name = MemberText(sent[i], "name");
    const Ga4Event* known = std::ranges::find(kGa4Events, std::string_view(name), &Ga4Event::name);
    if (known != std::end(kGa4Events))
      events.Add(i, Ga4EventOf(body, sent[i], known->type));  // The others are nothing to us.
  }
  TakeEvents(s, events.Take(), std::move(reply), [](const TakenEvents& taken) {
    if (taken.none()) return ProblemResponse(400, "Bad Request", taken.rejected.rejected.front().message);
    return HttpResponse{.status = 204};
  });
}

}  // namespace

std::vector<Route> Ga4Routes(ServiceState& s) {
  return {{.method = "POST",
           .path = "/mp/collect",
           .scope = AccessScope::kEvents,
           .lane = Lane::kIngest,
           .call = [&s](const auto& r, auto reply) { CollectGa4(s, r, std::move(reply)); },
           .content_types = {"application/json"},
           .operation = ProtocolOperation("postGa4", "Events of Google Analytics 4.", "ga4",
                                          "https://developers.google.com/analytics/devguides/collection/protocol/ga4",
                                          204, true, {{"api_secret", "query", JsonShape::Text(), "The events token."}}),
           .token = ApiSecretToken}};
}

}  // namespace gfr
