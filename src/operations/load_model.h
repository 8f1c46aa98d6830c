// Model versions of a project, read from its registry.
#pragma once

#include <optional>
#include <string>

#include "feature/feature_set.h"
#include "model/model.h"
#include "registry/registry.h"
#include "workspace/workspace.h"

namespace gfr {

inline constexpr const char* kModelName = "feed";  // Of every version that a project trains.

// An empty version is the champion: kNotFound when there is none. A model of format 1 to 4 gets its columns'
// fingerprints, where data/definitions has them.
Result<Model> LoadModel(const Workspace& workspace, Registry& registry, const std::string& version);
// The model on rows of `features`. Errors: as BindColumns (bound/bind_columns.h).
Result<Model> LoadBoundModel(const Workspace& workspace, Registry& registry, const std::string& version,
                             const FeatureSet& features);

// Of a version's files: the model as it was before it was refitted on all rows, with forests and calibrators that have
// not learnt from the newest ones. By it two versions are compared on rows that neither has learnt from.
inline constexpr const char* kBeforeRefitPrefix = "before_refit.";
// None: the version was not refitted, or is older than that part. Its columns are not bound.
Result<std::optional<Model>> LoadBeforeRefit(Registry& registry, const std::string& version);

// The engine that trained the model's forests.
Forest::Engine EngineOf(const Model& model);

}  // namespace gfr
