// Foreign protocols of a project's server, by which events come in and feeds go out: one file each, and one line in
// WithEventProtocols. docs/protocols.md says what each maps to what.
//
// Thread safety: all calls.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "event/event_rules.h"
#include "serve/call/calls.h"
#include "serve/router.h"

namespace gfr {

// `access` must outlive the routes.
std::vector<Route> WithEventProtocols(ServiceState& s, const Access& access, std::vector<Route> routes);

// Google Analytics 4, Measurement Protocol: POST /mp/collect, api_secret in the query.
std::vector<Route> Ga4Routes(ServiceState& s);
// Segment's HTTP tracking API: POST /v1/track, identify, alias and batch; the write key as the user of basic auth.
std::vector<Route> SegmentRoutes(ServiceState& s);
// Gorse: POST and PUT /api/feedback, POST /api/item, items, user and users, GET /api/recommend/USER; X-API-Key.
std::vector<Route> GorseRoutes(ServiceState& s);
// Metarank: POST /feedback and /rank/MODEL.
std::vector<Route> MetarankRoutes(ServiceState& s);
// Feast's feature server: POST /get-online-features, by columns; X-API-Key or a bearer token.
std::vector<Route> FeastRoutes(ServiceState& s);
// AWS Personalize Events: POST /events, PutEvents; signed with the key of [serve.sigv4], or with a token of ours.
std::vector<Route> PersonalizeRoutes(ServiceState& s, const Access& access);

// The events of a body in a foreign form. An event that a rule of events refuses, or that lacks what its type needs, is
// rejected as POST /v1/events does.
class ForeignEvents {
 public:
  // `source`: of its events.
  ForeignEvents(ServiceState& s, std::string source);
  // The rules as of now: an event without a time gets the server's, one without an id one that no other has.
  void Add(std::size_t index, Event event);
  void Reject(std::size_t index, const char* code, std::string message);
  ParsedEvents Take() { return std::move(parsed_); }

 private:
  ServiceState& s_;
  const std::shared_ptr<const Serving> serving_;
  const std::string source_;
  const std::int64_t now_ms_;
  ParsedEvents parsed_;
};

// What adapters read of a JSON object. A member that is not there, or of another kind, is empty or NaN.
std::string MemberText(const nlohmann::json& object, const char* key);  // Numbers by their text.
double MemberNumber(const nlohmann::json& object, const char* key);     // Also of a text.
const nlohmann::json& MemberOf(const nlohmann::json& object, const char* key);
void AddProperties(const nlohmann::json& object, std::vector<Property>* to);  // Those of PropertyOfJson.
// The property `price` becomes the item's own price; a text counts where it is a number.
void TakePrice(EventItem* item);
// The bounds and rules that a feed's request keeps for its properties (serve/feed_json.h). Throws BadRequest.
void KeepRules(const EventRules& rules, const char* what, std::vector<Property>* properties);
// RFC 3339, or milliseconds since 1970; 0: neither.
std::int64_t MemberTimeMs(const nlohmann::json& object, const char* key);

// The body as JSON. Throws BadRequest.
nlohmann::json ParseBody(const std::string& body);

// An operation of a protocol for /openapi.json.
std::shared_ptr<const Operation> ProtocolOperation(std::string id, std::string says, std::string tag,
                                                   std::string reference, int status, bool has_body = true,
                                                   std::vector<OperationParameter> parameters = {},
                                                   std::vector<int> problems = {});

}  // namespace gfr
