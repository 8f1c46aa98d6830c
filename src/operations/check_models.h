// CheckModels: whether the versions that a project's aliases name can be used with its gfr.toml, before a server is
// started or gfr.toml is put in place.
#pragma once

#include <string>
#include <vector>

#include "operations/load_model.h"

namespace gfr {

struct CheckedModel {
  std::string role, version;
  Status usable;  // Errors: as LoadBoundModel; it names the features that are gone or changed.
};

// Each alias that names a version: champion, challenger, shadow. Loads them. Errors: an alias cannot be read.
Result<std::vector<CheckedModel>> CheckModels(const Workspace& workspace, Registry& registry,
                                              const FeatureSet& features);

}  // namespace gfr
