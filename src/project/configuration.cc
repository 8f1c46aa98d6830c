#include "project/configuration.h"

#include "project/feed_table.h"

namespace gfr {

Result<std::shared_ptr<const Configuration>> Configuration::Read(Config& project, const UpperTables& upper) {
  auto configuration = std::make_shared<Configuration>();
  Configuration& c = *configuration;
  GFR_ASSIGN(c.features, FeatureSet::Make(project));
  c.model_text = project.Extract(
      {"item", "user", "request", "request_item", "catalogue", "feature", "objective", "feed", "channel"});
  GFR_ASSIGN(c.objectives, ObjectiveConfig::ReadAll(project, *c.features));
  GFR_ASSIGN(c.split, SplitConfig::Read(project));
  GFR_ASSIGN(c.train, TrainConfig::Read(project));
  GFR_ASSIGN(c.feeds, ReadFeeds(project, c.objectives, c.features->schema));
  if (upper)
    GFR_TRY(upper(project));
  else
    project.Table("serve");  // Known, and another program's to check.
  GFR_ASSIGN(c.store, StoreConfig::Read(project));
  GFR_ASSIGN(c.registry, RegistryConfig::Read(project));
  GFR_TRY(project.Finish());
  return std::shared_ptr<const Configuration>(std::move(configuration));
}

}  // namespace gfr
