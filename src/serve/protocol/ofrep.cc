#include "serve/protocol/ofrep.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "base/json_text.h"
#include "event/event_rules.h"
#include "experiment/assignment.h"
#include "rank/ranker.h"
#include "serve/answer_feed.h"
#include "serve/feed_json.h"
#include "serve/router.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostOfrepBytes = 64u << 10, kMostContextNames = 256;
constexpr const char* kNoArm = "default";

// Thrown; answered 400.
struct OfrepError {
  const char* code;
  std::string details;
};

HttpResponse ErrorResponse(int status, const std::string& key, const char* code, const std::string& details) {
  Json json;
  if (!key.empty()) json["key"] = key;
  json["errorCode"] = code;
  json["errorDetails"] = details;
  return JsonResponse(status, json);
}

// What the body says: {"context": {"targetingKey": ..., NAME: VALUE}}.
FeedRequest RequestOf(const ServiceState& s, const EventRules& rules, const HttpRequest& http) {
  if (http.body.size() > kMostOfrepBytes) throw OfrepError{"PARSE_ERROR", "the body is larger than 64 KiB"};
  const auto json = ParseJson<nlohmann::json>(http.body, /*throws=*/false);
  if (!json.is_object()) throw OfrepError{"PARSE_ERROR", "the body is not a JSON object"};
  FeedRequest request;
  request.now_ms = s.now_ms();
  const auto context = json.find("context");
  if (context == json.end() || context->is_null())
    throw OfrepError{"TARGETING_KEY_MISSING", "context.targetingKey is missing"};
  if (!context->is_object() || context->size() > kMostContextNames)
    throw OfrepError{"INVALID_CONTEXT", "context is not an object of at most 256 names"};
  for (const auto& [name, value] : context->items()) {
    if (name != "targetingKey") {
      if (auto property = PropertyOfJson(name, value)) request.context.push_back(*std::move(property));
      continue;
    }
    if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxIdBytes)
      throw OfrepError{"INVALID_CONTEXT", "targetingKey is not a text of at most 1 KiB"};
    request.user_id = value;
  }
  // As a feed's: both assign by the same values.
  if (const auto refused = ApplyRules(rules, "context", &request.context))
    throw OfrepError{"INVALID_CONTEXT", refused->message};
  if (request.user_id.empty()) throw OfrepError{"TARGETING_KEY_MISSING", "context.targetingKey is missing"};
  const auto surface = std::ranges::find(request.context, Targeting::kSurface, &Property::name);
  if (surface != request.context.end()) request.surface = surface->text;
  return request;
}

const char* NameOf(FlagValue::Reason reason) {
  using enum FlagValue::Reason;
  switch (reason) {
    case kDisabled:
      return "DISABLED";
    case kDefault:
      return "DEFAULT";
    case kTargetingMatch:
      return "TARGETING_MATCH";
    case kSplit:
      return "SPLIT";
    case kStatic:
      return "STATIC";
  }
  return "UNKNOWN";
}

Json JsonOf(const std::string& key, const FlagValue& flag) {
  return {{"key", key},
          {"value", ParseJson<Json>(flag.value)},
          {"reason", NameOf(flag.reason)},
          {"variant", flag.variant.empty() ? kNoArm : flag.variant},
          {"metadata", flag.version > 0 ? Json{{"version", flag.version}} : Json::object()}};
}

// One for each unit and arm: the log drops those that come again.
Event ExposureOf(const FeedRequest& request, const Unit& unit, const std::string& flag, const std::string& arm,
                 std::uint32_t version) {
  Event event{.id = "exposure/" + flag + "/" + arm + "/" + unit.id,
              .source = "gfr",
              .type = EventType::kExperimentExposure,
              .time_ms = request.now_ms,
              .user_id = request.user_id,
              .surface = request.surface,
              .variant = arm,
              .context = {{.name = "experiment", .text = flag}}};
  if (version > 0) event.context.push_back({.name = "version", .number = static_cast<double>(version)});
  return event;
}

struct Evaluation {
  std::shared_ptr<const Serving> serving;
  FeedRequest request;
  const FeatureReader& rows;
  Requester who;
  Overrides overrides;

  AssignmentQuery query() const {
    return {.unit = who.unit,
            .context = request.context,
            .surface = request.surface,
            .now_ms = request.now_ms,
            .overrides = overrides,
            .version_of = VersionsOf(rows, request, who)};
  }
};

Evaluation Begin(ServiceState& s, const HttpRequest& http) {
  const std::shared_ptr<const Serving> serving = s.serving();
  FeedRequest request = RequestOf(s, serving->project->configuration().event_rules, http);
  const FeatureReader& rows = s.rows(*serving);
  Requester who = FindRequester(rows, request);
  Evaluation e{.serving = serving, .request = std::move(request), .rows = rows, .who = std::move(who), .overrides = {}};
  try {
    e.overrides = OverridesOf(http, *e.serving->assigner);
  } catch (const BadRequest& bad) {
    throw OfrepError{"INVALID_CONTEXT", bad.why};
  }
  return e;
}

}  // namespace

void PostOfrepFlag(ServiceState& s, const HttpRequest& http, const HttpReply& reply) try {
  const std::string& key = http.parameter;
  const auto flags = s.serving()->assigner->Flags();
  if (std::ranges::find(flags, key) == flags.end())
    return reply(ErrorResponse(404, key, "FLAG_NOT_FOUND", "there is no flag '" + key.substr(0, 200) + "'"));
  const Evaluation e = Begin(s, http);
  const auto flag = e.serving->assigner->Evaluate(key, e.query());
  if (!flag.ok()) return reply(ErrorResponse(404, key, "FLAG_NOT_FOUND", flag.error().message));
  const HttpResponse response = JsonResponse(200, JsonOf(key, flag.value()));
  if (flag.value().variant.empty() || !e.overrides.empty()) return reply(response);
  ++s.counters.exposures;
  s.Append(
      {ExposureOf(e.request, e.who.unit, key, flag.value().variant, flag.value().version)},
      [reply, key](const Error& error) {
        const bool full = error.code == ErrorCode::kResourceExhausted;
        HttpResponse refused =
            ErrorResponse(full ? 429 : 503, key, "GENERAL", "the exposure cannot be logged: " + error.message);
        if (full) refused.headers.emplace_back("Retry-After", "1");
        reply(refused);
      },
      [reply, response](const Appended&) -> ServiceState::Folded { return [reply, response] { reply(response); }; },
      /*urgent=*/true);
} catch (const OfrepError& e) {
  reply(ErrorResponse(400, http.parameter, e.code, e.details));
}

HttpResponse PostOfrepFlags(ServiceState& s, const HttpRequest& http) try {
  const Evaluation e = Begin(s, http);
  Json json{{"flags", Json::array()}};
  for (const std::string& key : e.serving->assigner->Flags()) {
    const auto flag = e.serving->assigner->Evaluate(key, e.query());
    if (flag.ok()) json["flags"].push_back(JsonOf(key, flag.value()));
  }
  HttpResponse response = JsonResponse(200, json);
  char etag[24];
  std::snprintf(etag, sizeof etag, "\"%016llx\"",
                static_cast<unsigned long long>(Hash64(response.body.data(), response.body.size())));
  if (http.Header("if-none-match").find(etag) != std::string_view::npos) response = {.status = 304, .body = ""};
  response.headers.emplace_back("ETag", etag);
  return response;
} catch (const OfrepError& e) {
  return ErrorResponse(400, "", e.code, e.details);
}

}  // namespace gfr
