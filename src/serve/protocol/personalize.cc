// AWS Personalize Events: PutEvents (docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html).

#include <cctype>

#include "serve/feed_json.h"
#include "serve/protocol/event_protocols.h"
#include "serve/protocol/sigv4.h"

namespace gfr {
namespace {

using Input = nlohmann::json;

constexpr std::size_t kMostPersonalizeEvents = 10, kMostShown = 25;  // As the service has them.

HttpResponse PersonalizeError(int status, const char* type, const std::string& why) {
  HttpResponse response = JsonResponse(status, {{"message", why}});
  response.headers.emplace_back("x-amzn-ErrorType", type);
  return response;
}

// Of an event's type; any other is a view of that kind.
EventType PersonalizeTypeOf(std::string name, std::string* kind) {
  static constexpr std::pair<std::string_view, EventType> kTypes[] = {
      {"click", EventType::kFeedClick},
      {"view", EventType::kItemView},
      {"watch", EventType::kItemView},
      {"addtocart", EventType::kCartAdd},
      {"removefromcart", EventType::kCartRemove},
      {"purchase", EventType::kPurchase},
      {"checkout", EventType::kPurchase},
      {"wishlist", EventType::kWishlistAdd},
  };
  std::string plain;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (const auto& [known, type] : kTypes) {
    if (known == plain) return type;
  }
  *kind = std::move(name);
  return EventType::kItemView;
}

void AddPersonalizeEvent(std::size_t index, const Input& body, const Input& sent, ForeignEvents* events) {
  Event e{.id = MemberText(sent, "eventId"),
          .user_id = MemberText(body, "userId"),
          .session_id = MemberText(body, "sessionId"),
          .request_id = MemberText(sent, "recommendationId")};
  // Seconds, as boto3 sends a time; else RFC 3339.
  const double seconds = MemberNumber(sent, "sentAt");
  e.time_ms = seconds > 0 && seconds < 1e11 ? static_cast<std::int64_t>(seconds * 1000) : MemberTimeMs(sent, "sentAt");
  const std::string type = MemberText(sent, "eventType");
  if (type.empty()) return events->Reject(index, "missing_field", "eventType is missing");
  const Input& shown = MemberOf(sent, "impression");
  if (shown.is_array() && !shown.empty()) {  // What the user saw, in its order.
    Event impression = e;
    impression.type = EventType::kFeedImpression;
    if (!impression.id.empty()) impression.id += "/impression";
    for (std::size_t i = 0; i < std::min(shown.size(), kMostShown); ++i)
      impression.items.push_back(
          {.item_id = shown[i].is_string() ? shown[i].get<std::string>() : "", .index = static_cast<std::int32_t>(i)});
    events->Add(index, std::move(impression));
  }
  e.type = PersonalizeTypeOf(type, &e.kind);
  const std::string item = MemberText(sent, "itemId");
  if (item.empty()) return;  // An impression alone.
  e.items = {{.item_id = item}};
  for (std::size_t i = 0; shown.is_array() && i < shown.size(); ++i) {
    if (shown[i] == item) e.items[0].index = static_cast<std::int32_t>(i);
  }
  if (e.type == EventType::kPurchase) e.value = MemberNumber(sent, "eventValue");
  events->Add(index, std::move(e));
}

void PutEvents(ServiceState& s, const Access& access, const HttpRequest& request, HttpReply reply) {
  if (IsSigV4(request)) {
    const SigV4Key key{s.config.sigv4_access_key, s.config.sigv4_secret_key};
    if (const auto wrong = CheckSigV4(request, key, SystemClock().now_ms()))
      return reply(PersonalizeError(403, "InvalidSignatureException", *wrong));
    if (auto refused = access.CheckGivenToken(AccessScope::kEvents, access.Token("events")))
      return reply(*std::move(refused));  // Its rate limit.
  } else if (auto refused = access.CheckToken(AccessScope::kEvents, request)) {
    return reply(*std::move(refused));
  }
  if (auto full = RefusalOfEvents(s)) return reply(*std::move(full));
  const Input body = ParseBody(request.body);
  const Input& list = MemberOf(body, "eventList");
  if (!list.is_array() || list.empty() || list.size() > kMostPersonalizeEvents)
    return reply(PersonalizeError(400, "InvalidInputException", "eventList is not a list of 1 to 10 events"));
  ForeignEvents events(s, "personalize");
  for (std::size_t i = 0; i < list.size(); ++i) AddPersonalizeEvent(i, body, list[i], &events);
  TakeEvents(s, events.Take(), std::move(reply), [](const TakenEvents& taken) {
    if (taken.none()) return PersonalizeError(400, "InvalidInputException", taken.rejected.rejected.front().message);
    return HttpResponse{.body = ""};
  });
}

}  // namespace

std::vector<Route> PersonalizeRoutes(ServiceState& s, const Access& access) {
  const JsonShape error = JsonShape::Object({{.name = "message", .shape = JsonShape::Text(), .required = true}});
  Operation operation{
      .id = "putPersonalizeEvents",
      .says = "Events of AWS Personalize, signed with the key of [serve.sigv4] or with the events token.",
      .tag = "personalize",
      .reference = "https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html",
      .bodies = {{"application/json", {}}},
      .replies = {{200, {{"They are taken.", {}}}},
                  {400, {{"The events are not valid.", error}}},
                  {403, {{"The signature is not valid.", error}}}},
      .problems = {401, 429}};
  return {{.method = "POST",
           .path = "/events",
           .scope = AccessScope::kOpen,  // A signature is of the whole body: PutEvents checks it, or the token.
           .lane = Lane::kIngest,
           .call = [&s, &access](const auto& r, auto reply) { PutEvents(s, access, r, std::move(reply)); },
           .content_types = {"application/json"},
           .operation = std::make_shared<const Operation>(std::move(operation))}};
}

}  // namespace gfr
