// The rules of a project's events: what its gfr.toml declares of properties, for importers and the server.
#pragma once

#include "event/event_rules.h"
#include "feature/feature_set.h"

namespace gfr {

EventRules EventRulesOf(const PropertySchema& schema);

}  // namespace gfr
