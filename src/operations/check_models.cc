#include "operations/check_models.h"

#include <utility>

namespace gfr {

Result<std::vector<CheckedModel>> CheckModels(const Workspace& workspace, Registry& registry,
                                              const FeatureSet& features) {
  std::vector<CheckedModel> checked;
  for (const char* role : {"champion", "challenger", "shadow", "canary"}) {
    auto version = registry.Alias(kModelName, role);
    if (!version.ok() && version.error().code == ErrorCode::kNotFound) continue;
    if (!version.ok()) return version.error();
    const auto model = LoadBoundModel(workspace, registry, version.value(), features);
    checked.push_back({role, std::move(version).value(), model.ok() ? Status() : model.error()});
  }
  return checked;
}

}  // namespace gfr
