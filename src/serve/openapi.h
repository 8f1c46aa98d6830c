// The OpenAPI 3.1 document of a server, made from its table of routes: GET /openapi.json.
//
// Thread safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "serve/router.h"

namespace gfr {

std::string_view ServerVersion();  // "0.1.0"

// REQUIRES: each route has an operation.
nlohmann::ordered_json OpenApiDocument(std::span<const Route> routes);

// Gives each native route its operation, and adds GET /openapi.json, which describes all of them and itself.
std::vector<Route> WithOpenApi(std::vector<Route> routes);

// What a native call takes and answers. Null: there is no such call.
const Operation* NativeOperation(std::string_view method, std::string_view path);
// An event as POST /v1/events takes it; event/event_json.h checks each, and a test holds both together.
const JsonShape& EventShape();

}  // namespace gfr
