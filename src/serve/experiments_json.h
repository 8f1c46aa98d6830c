// What a project's variants, experiments and holdout are, as JSON: GET /v1/experiments and `gfr experiment list`.
// Thread safety: a pure function.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "experiment/assignment.h"

namespace gfr {

nlohmann::ordered_json ExperimentsJson(const Assigner& assigner);

}  // namespace gfr
