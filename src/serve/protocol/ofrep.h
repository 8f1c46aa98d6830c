// OFREP, the OpenFeature Remote Evaluation Protocol (github.com/open-feature/protocol, service/openapi.yaml 0.1.0):
// experiments, and "variant" for the production variants, are flags, so that any OpenFeature client gets the unit's
// assignment.
//
//   POST /ofrep/v1/evaluate/flags/KEY   one flag; of a unit in an arm it logs an experiment.exposure
//   POST /ofrep/v1/evaluate/flags       all flags, with ETag and If-None-Match; exposes nobody
// The unit is `targetingKey` as a user id. Every answer has `variant` ("default": in no arm) and `reason`: STATIC,
// TARGETING_MATCH, SPLIT, DEFAULT or DISABLED. Errors are JSON with errorCode and errorDetails: FLAG_NOT_FOUND (404),
// PARSE_ERROR, INVALID_CONTEXT and TARGETING_KEY_MISSING (400), GENERAL (503).
// Thread safety: from any thread.
#pragma once

#include "serve/http_message.h"
#include "serve/service_state.h"

namespace gfr {

void PostOfrepFlag(ServiceState& s, const HttpRequest& request, const HttpReply& reply);
HttpResponse PostOfrepFlags(ServiceState& s, const HttpRequest& request);

}  // namespace gfr
