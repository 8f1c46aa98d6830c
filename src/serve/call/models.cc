// GET /v1/models, POST /v1/models/promote and /v1/models/rollback.
#include "base/time.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

HttpResponse GetModels(ServiceState& s) {
  const std::lock_guard lock(s.mutex);
  const auto entries = s.champion.registry().List(Project::kModelName);
  Json list = Json::array();
  if (entries.ok()) {
    for (const auto& e : entries.value())
      list.push_back(
          {{"name", e.name}, {"version", e.version}, {"champion", e.champion}, {"created", FormatTime(e.created_ms)}});
  }
  return JsonResponse(200, {{"models", list}});
}

HttpResponse PostRollback(ServiceState& s) {
  if (const auto to = s.champion.registry().Rollback(Project::kModelName); !to.ok())
    return ProblemResponse(409, "Conflict", to.error().message);
  return GetModels(s);
}

// {"version": "2"}
HttpResponse PostPromote(ServiceState& s, const HttpRequest& request) {
  const Json json = Json::parse(request.body, nullptr, false);
  if (!json.is_object()) throw BadRequest{"the body is not a JSON object"};
  const std::string version = TextOf(json, "version");
  const auto model_to_be = s.project.LoadModel(version);
  if (version.empty() || !model_to_be.ok())
    return ProblemResponse(404, "Not Found", "there is no version '" + version.substr(0, 200) + "'");
  const auto bound = BoundModel::Make(model_to_be.value(), s.store->features());
  if (!bound.ok()) return ProblemResponse(409, "Conflict", bound.error().message);
  if (const Status promoted = s.champion.registry().Promote(Project::kModelName, version); !promoted.ok())
    return ProblemResponse(409, "Conflict", promoted.error().message);
  return GetModels(s);
}

}  // namespace gfr
