// Distil: a first stage (retrieve/first_stage.h) for a model version and a feed, made of the project's log and put into
// the registry, where servers that serve the version find it.
#pragma once

#include <memory>
#include <string>

#include "feature/feature_set.h"
#include "feed/feed_config.h"
#include "index/distill.h"
#include "object/object_store.h"
#include "workspace/workspace.h"

namespace gfr {

struct DistillSettings {
  std::shared_ptr<const FeatureSet> features;
  const FeedConfig* feed = nullptr;  // REQUIRED; outlives the call.
  std::shared_ptr<ObjectStore> registry;
  std::string model_version;  // Empty: the champion.
  std::size_t requests = 300;
  double budget_ms = 2;  // Of the source `catalogue`, for the recall that is measured.
  DistillOptions options;
  std::string run = {};  // That the version is made by, for its lineage; empty: none.
};

struct MadeFirstStage {
  std::string version, model;
  Distilled distilled;
};

// Folds the log, and has the model value every item on sale for a sample of the logged requests' users and contexts.
// `promote`: the version becomes the champion. Errors: as DistillFirstStage, LoadBoundModel and the log.
Result<MadeFirstStage> DistillIndex(const Workspace& workspace, const DistillSettings& settings, bool promote);

}  // namespace gfr
