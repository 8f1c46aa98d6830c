#include "serve/serving.h"

namespace gfr {

std::vector<std::vector<ChannelConfig>> ChannelsOf(const Configuration& configuration) {
  std::vector<std::vector<ChannelConfig>> channels = configuration.experiments.Channels();
  for (const FeedConfig& feed : configuration.feeds.all) {
    channels.push_back(feed.channels);
    if (configuration.experiments.holdout) channels.push_back(HoldoutFeed(feed).channels);
  }
  return channels;
}

std::shared_ptr<ModelPool> MakeModelPool(const std::shared_ptr<const Project>& project) {
  auto pool = std::make_shared<ModelPool>(
      project->registry(), kModelName, [project](const std::string& version) { return project->LoadModel(version); },
      project->features());
  pool->Name(project->configuration().experiments.Versions());
  return pool;
}

}  // namespace gfr
