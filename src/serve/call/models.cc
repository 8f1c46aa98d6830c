// GET /v1/models, POST /v1/models/promote and /v1/models/rollback.
#include "base/json_text.h"
#include "base/time.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

const JsonShape& PromoteRequestShape() {
  static const JsonShape shape = JsonShape::Object(
      {{.name = "version", .shape = JsonShape::Text(/*most_bytes=*/200, /*least_bytes=*/1), .required = true}},
      /*is_closed=*/true);
  return shape;
}

HttpResponse GetModels(ServiceState& s) {
  const auto entries = s.serving()->models->registry().List(kModelName);
  Json list = Json::array();
  if (entries.ok()) {
    for (const auto& e : entries.value())
      list.push_back(
          {{"name", e.name}, {"version", e.version}, {"champion", e.champion}, {"created", FormatTime(e.created_ms)}});
  }
  return JsonResponse(200, {{"models", list}});
}

HttpResponse PostRollback(ServiceState& s) {
  const std::shared_ptr<ModelPool> models = s.serving()->models;
  if (const auto to = models->registry().Rollback(kModelName); !to.ok())
    return ProblemResponse(409, "Conflict", to.error().message);
  models->LookNow();
  return GetModels(s);
}

// {"version": "2"}
HttpResponse PostPromote(ServiceState& s, const HttpRequest& request) {
  const auto json = ParseJson<nlohmann::json>(request.body, /*throws=*/false);
  if (auto wrong = PromoteRequestShape().Check(json, "the body")) throw BadRequest{*std::move(wrong)};
  const std::string version = json["version"];
  const std::shared_ptr<ModelPool> models = s.serving()->models;
  const Status usable = models->Check(version);
  if (!usable.ok()) {
    const Error& error = usable.error();
    if (error.code == ErrorCode::kUnavailable)
      return ProblemResponse(503, "Service Unavailable", error.message, /*retry_after_s=*/1);
    if (error.code == ErrorCode::kNotFound || !models->registry().Describe(kModelName, version).ok())
      return ProblemResponse(404, "Not Found", "there is no version '" + version.substr(0, 200) + "'");
    return ProblemResponse(409, "Conflict", error.message);
  }
  if (const Status promoted = models->registry().Promote(kModelName, version); !promoted.ok())
    return ProblemResponse(409, "Conflict", promoted.error().message);
  models->LookNow();
  return GetModels(s);
}

}  // namespace gfr
