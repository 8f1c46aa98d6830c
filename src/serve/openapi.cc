#include "serve/openapi.h"

#include <algorithm>
#include <set>

#include "base/json_text.h"
#include "serve/http_wire.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kProblem = "application/problem+json";

// RFC 9457.
Json ProblemSchema() {
  return JsonShape::Object({{.name = "type", .shape = JsonShape::Text(), .required = true},
                            {.name = "title", .shape = JsonShape::Text(), .required = true},
                            {.name = "status", .shape = JsonShape::Whole(400, 599), .required = true},
                            {.name = "detail", .shape = JsonShape::Text(), .required = true}})
      .Schema();
}

const char* Meaning(int status) {
  switch (status) {
    case 400:
      return "The request is not valid; `detail` says what is wrong.";
    case 401:
      return "The call needs a token.";
    case 403:
      return "A page of another origin may not make this call.";
    case 404:
      return "There is nothing of this name.";
    case 408:
      return "The request did not come in time.";
    case 409:
      return "It cannot be done as things are.";
    case 410:
      return "It was deleted.";
    case 413:
      return "The body is too large.";
    case 415:
      return "The content type or encoding is not one that the call takes.";
    case 421:
      return "The server is not known under this Host.";
    case 429:
      return "Too much comes, or waits for the disk: see Retry-After.";
    case 431:
      return "The header is too large.";
    case 503:
      return "It cannot be done now: see Retry-After.";
    default:
      return "An error.";
  }
}

// Statuses that the server or its router may give before the call runs.
std::set<int> ProblemsOf(const Route& route) {
  std::set<int> statuses(route.operation->problems.begin(), route.operation->problems.end());
  statuses.insert({400, 408, 431, 503});
  if (!route.operation->bodies.empty()) statuses.insert(413);
  statuses.insert(415);  // A Content-Encoding.
  if (!route.probe) statuses.insert({403, 421});
  if (route.scope != AccessScope::kOpen) statuses.insert({401, 429});
  return statuses;
}

Json ResponsesOf(const Route& route) {
  const Operation& operation = *route.operation;
  Json responses = Json::object();
  std::set<int> statuses = ProblemsOf(route);
  const std::set<int> problems = statuses;
  for (const auto& [status, replies] : operation.replies) statuses.insert(status);
  for (const int status : statuses) {
    Json& response = responses[std::to_string(status)];
    response["description"] = Meaning(status);
    if (const auto own = operation.replies.find(status); own != operation.replies.end()) {
      response["description"] = own->second.front().says;
      for (const OperationReply& reply : own->second) {
        if (!reply.content_type.empty()) response["content"][reply.content_type] = {{"schema", reply.shape.Schema()}};
      }
    }
    if (problems.contains(status))
      response["content"][kProblem] = {{"schema", {{"$ref", "#/components/schemas/Problem"}}}};
  }
  return responses;
}

std::string SecurityOf(AccessScope scope) {
  switch (scope) {
    case AccessScope::kEvents:
      return "events";
    case AccessScope::kFeed:
      return "feed";
    case AccessScope::kReader:
      return "reader";
    case AccessScope::kAdmin:
      return "admin";
    case AccessScope::kOpen:
      break;
  }
  return "";
}

std::string PathOf(const Route& route) {
  std::string path = route.path;
  for (const OperationParameter& p : route.operation->parameters) {
    if (p.in == "path") path += "{" + p.name + "}";
  }
  return path;
}

Json OperationJson(const Route& route) {
  const Operation& operation = *route.operation;
  Json json{{"operationId", operation.id}, {"summary", operation.says}, {"tags", {operation.tag}}};
  if (!operation.reference.empty()) json["externalDocs"] = {{"url", operation.reference}};
  if (const std::string scope = SecurityOf(route.scope); !scope.empty()) {
    // Without a token of their own, events and feeds are open.
    json["security"] = Json::array({{{scope, Json::array()}}});
    if (scope == "events" || scope == "feed") json["security"].push_back(Json::object());
  }
  for (const OperationParameter& p : operation.parameters) {
    Json parameter{{"name", p.name}, {"in", p.in}, {"schema", p.shape.Schema()}};
    if (!p.says.empty()) parameter["description"] = p.says;
    if (p.in == "path") parameter["required"] = true;
    json["parameters"].push_back(std::move(parameter));
  }
  if (!operation.bodies.empty()) {
    json["requestBody"]["required"] = true;
    for (const auto& [type, shape] : operation.bodies)
      json["requestBody"]["content"][type] = {{"schema", shape.Schema()}};
  }
  json["responses"] = ResponsesOf(route);
  return json;
}

// Of calls that another server answers, and of one that was added without its description.
std::shared_ptr<const Operation> Undescribed(const Route& route) {
  Operation operation{.id = route.method + route.path, .says = "Not answered here.", .problems = {404}};
  if (route.path.ends_with('/')) operation.parameters = {{"rest", "path", JsonShape::Text(), ""}};
  return std::make_shared<const Operation>(std::move(operation));
}

std::string MethodOf(const Route& route) { return LowerCase(route.method == "*" ? "GET" : route.method); }

}  // namespace

std::string_view ServerVersion() { return GFR_VERSION; }

Json OpenApiDocument(std::span<const Route> routes) {
  Json json{{"openapi", "3.1.0"},
            {"info",
             {{"title", "GFR"},
              {"version", ServerVersion()},
              {"description", "The calls of `gfr serve`. Errors are application/problem+json (RFC 9457)."},
              {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
            {"servers", {{{"url", "/"}}}},
            {"paths", Json::object()}};
  for (const Route& route : routes) json["paths"][PathOf(route)][MethodOf(route)] = OperationJson(route);
  Json& components = json["components"];
  components["schemas"]["Problem"] = ProblemSchema();
  for (const std::string_view name : kTokenNames)
    components["securitySchemes"][std::string(name)] = {
        {"type", "http"}, {"scheme", "bearer"}, {"description", "The " + std::string(name) + " token."}};
  return json;
}

std::vector<Route> WithOpenApi(std::vector<Route> routes) {
  const auto document = std::make_shared<std::string>();
  routes.push_back({"GET", "/openapi.json", AccessScope::kOpen, Lane::kInline,
                    Sync([document](const auto&) { return HttpResponse{.body = *document}; })});
  for (Route& route : routes) {
    if (route.operation) continue;
    if (const Operation* known = NativeOperation(route.method, route.path))
      route.operation = std::shared_ptr<const Operation>(std::shared_ptr<const Operation>(), known);
    else
      route.operation = Undescribed(route);
  }
  *document = DumpJson(OpenApiDocument(routes)) + "\n";
  return routes;
}

}  // namespace gfr
