#include "project/feed_table.h"

#include <algorithm>
#include <utility>

#include "retrieve/sources.h"

namespace gfr {
namespace {

ValueNames NamesOf(const std::vector<ObjectiveConfig>& objectives, const PropertySchema& schema) {
  ValueNames names;
  for (const ObjectiveConfig& o : objectives) names.objectives.push_back({o.name, o.population, o.label});
  for (std::size_t p = 0; p < schema.item_names.size(); ++p)
    names.properties.push_back(schema.item_categorical[p] ? "" : schema.item_names[p]);
  return names;
}

Result<FeedConfig> ReadFeed(Config& table, const ValueNames& names) {
  FeedConfig feed;
  for (const auto& objective : names.objectives) feed.objectives.push_back(objective.name);
  feed.name = table.String("name", feed.name);
  if (feed.name.empty()) table.Fail("name", "is empty; valid is what requests name as their surface");
  feed.size = static_cast<int>(table.Integer("size", 20, 1, 1000));
  const std::string impressions = table.String("impressions", "client");
  if (impressions != "client" && impressions != "on_serve")
    table.Fail("impressions", "is '" + impressions + "'; valid are client and on_serve");
  feed.impressions_on_serve = impressions == "on_serve";
  const std::string first = names.objectives.empty() ? "0" : names.objectives[0].name;
  const bool pctr = std::ranges::find(feed.objectives, "pctr") != feed.objectives.end();
  auto value = ValueFormula::Parse(table.String("value", pctr ? "pctr" : first), names);
  if (!value.ok()) table.Fail("value", value.error().message);
  Config swap = table.Table("swap");
  feed.swap_share = swap.Number("share", 0, 0, 1);
  GFR_TRY(swap.Finish());
  if (table.Has("channel")) {
    GFR_ASSIGN(feed.channels, ReadChannels(table));
  }
  GFR_TRY(table.Finish());
  feed.value = std::move(value).value();
  return feed;
}

}  // namespace

Result<Feeds> ReadFeeds(Config& project, const std::vector<ObjectiveConfig>& objectives, const PropertySchema& schema) {
  Feeds feeds;
  feeds.old_form = project.HasTable("feed");
  std::vector<Config> tables;
  if (feeds.old_form || !project.Has("feed"))
    tables.push_back(project.Table("feed"));
  else
    tables = project.Tables("feed");
  const ValueNames names = NamesOf(objectives, schema);
  GFR_ASSIGN(const std::vector<ChannelConfig> channels, ReadChannels(project));
  Config log = project.Table("log");
  const double full_share = log.Number("full_share", FeedConfig().full_share, 0, 1);
  GFR_TRY(log.Finish());
  feeds.all.clear();
  for (Config& table : tables) {
    if (tables.size() > 1 && !table.Has("name")) {
      table.Fail("name", "is missing; each of several [[feed]] has a name");
      GFR_TRY(table.Finish());
    }
    GFR_ASSIGN(FeedConfig feed, ReadFeed(table, names));
    if (std::ranges::find(feeds.all, feed.name, &FeedConfig::name) != feeds.all.end()) {
      table.Fail("name", "is '" + feed.name + "', as of a [[feed]] before");
      GFR_TRY(table.Finish());
    }
    if (feed.channels.empty()) feed.channels = channels;
    feed.full_share = full_share;
    feeds.all.push_back(std::move(feed));
  }
  if (feeds.all.empty()) return Error{ErrorCode::kInvalidArgument, "feed is an empty list", project.where("feed")};
  return feeds;
}

}  // namespace gfr
