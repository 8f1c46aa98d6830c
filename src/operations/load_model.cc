#include "operations/load_model.h"

#include <algorithm>

#include "bound/bind_columns.h"
#include "feature/definitions.h"

namespace gfr {

Result<Model> LoadModel(const Workspace& workspace, Registry& registry, const std::string& version) {
  std::string wanted = version;
  if (wanted.empty()) {
    GFR_ASSIGN(wanted, registry.Champion(kModelName));
  }
  GFR_ASSIGN(const auto files, registry.Load(kModelName, wanted));
  GFR_ASSIGN(Model model, ModelFromFiles(files, kModelName, wanted));
  if (!model.column_fingerprints.empty()) return model;
  const auto columns = ReadDefinitions(workspace.fs(), workspace.definitions_folder(), model.feature_fingerprint);
  if (!columns.ok() && columns.error().code != ErrorCode::kNotFound) return columns.error();
  if (columns.ok() && std::ranges::equal(columns.value(), model.columns, {}, &NamedFingerprint::name)) {
    for (const NamedFingerprint& column : columns.value()) model.column_fingerprints.push_back(column.fingerprint);
  }
  return model;
}

Result<Model> LoadBoundModel(const Workspace& workspace, Registry& registry, const std::string& version,
                             const FeatureSet& features) {
  GFR_ASSIGN(Model model, LoadModel(workspace, registry, version));
  return BindColumns(std::move(model), features);
}

Result<std::optional<Model>> LoadBeforeRefit(Registry& registry, const std::string& version) {
  GFR_ASSIGN(const auto files, registry.Load(kModelName, version));
  Registry::Files before;
  for (const auto& [name, content] : files) {
    if (name.starts_with(kBeforeRefitPrefix))
      before[name.substr(std::string_view(kBeforeRefitPrefix).size())] = content;
  }
  if (before.empty()) return std::optional<Model>();
  GFR_ASSIGN(Model model, ModelFromFiles(before, kModelName, version));
  return std::optional(std::move(model));
}

Forest::Engine EngineOf(const Model& model) {
  return model.objectives.empty() ? Forest::Engine::kXgboost : model.objectives[0].forest.engine;
}

}  // namespace gfr
