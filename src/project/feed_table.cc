#include "project/feed_table.h"

#include <algorithm>
#include <utility>

#include "base/time.h"
#include "feed/policy_table.h"
#include "log/log_config.h"
#include "retrieve/sources.h"

namespace gfr {
namespace {

ValueNames NamesOf(const std::vector<ObjectiveConfig>& objectives, const PropertySchema& schema) {
  ValueNames names;
  for (const ObjectiveConfig& o : objectives)
    names.objectives.push_back(
        {.name = o.name, .population = o.population, .label = o.label, .mean = o.mean(), .sampled = o.sampled.on});
  for (std::size_t p = 0; p < schema.item_names.size(); ++p)
    names.properties.push_back(schema.item_categorical[p] ? "" : schema.item_names[p]);
  return names;
}

// The keys of a [[feed]] that variants and experiments may set too.
Result<FeedOverlay> ReadOverlay(Config& table, const ValueNames& names, const std::vector<ConditionName>& conditions) {
  FeedOverlay keys;
  GFR_ASSIGN(keys.policy, ReadFeedPolicy(table, conditions));
  if (table.Has("size")) keys.size = static_cast<int>(table.Integer("size", 20, 1, 1000));
  if (table.Has("impressions")) {
    const std::string impressions = table.String("impressions", "client");
    if (impressions != "client" && impressions != "on_serve")
      table.Fail("impressions", "is '" + impressions + "'; valid are client and on_serve");
    keys.impressions_on_serve = impressions == "on_serve";
  }
  if (table.Has("value")) {
    auto value = ValueFormula::Parse(table.String("value", ""), names);
    if (value.ok())
      keys.value = std::move(value).value();
    else
      table.Fail("value", value.error().message);
  }
  if (table.Has("swap")) {
    Config swap = table.Table("swap");
    keys.swap_share = swap.Number("share", 0, 0, 1);
    GFR_TRY(swap.Finish());
  }
  if (table.Has("channel")) {
    GFR_ASSIGN(keys.channels, ReadChannels(table));
  }
  GFR_TRY(table.Finish());
  return keys;
}

Result<FeedConfig> ReadFeed(Config& table, const ValueNames& names, const std::vector<ConditionName>& conditions) {
  FeedConfig feed;
  for (const auto& objective : names.objectives) feed.objectives.push_back(objective.name);
  feed.name = table.String("name", feed.name);
  feed.reload_ms = table.DurationMs("reload", 0);
  if (feed.reload_ms < 0 || feed.reload_ms > 10 * kMinuteMs) table.Fail("reload", "is not within 0 and 10 minutes");
  if (feed.name.empty()) table.Fail("name", "is empty; valid is what requests name as their surface");
  const std::string first = names.objectives.empty() ? "0" : names.objectives[0].name;
  const bool pctr = std::ranges::find(feed.objectives, "pctr") != feed.objectives.end();
  if (!table.Has("value")) {
    GFR_ASSIGN(feed.value, ValueFormula::Parse(pctr ? "pctr" : first, names));
  }
  GFR_ASSIGN(const FeedOverlay keys, ReadOverlay(table, names, conditions));
  feed.policy = keys.policy;  // With its contracts.
  keys.ApplyTo(&feed);
  return feed;
}

// What conditions over a request's context may name.
std::vector<Expression::Name> ContextNames(const PropertySchema& schema) {
  std::vector<Expression::Name> names;
  const auto add = [&](const std::vector<std::string>& of, const auto& categorical) {
    for (std::size_t p = 0; p < of.size(); ++p)
      names.push_back({of[p], categorical[p] ? Expression::Type::kCategory : Expression::Type::kNumber});
  };
  add(schema.request_names, schema.request_categorical);
  add(schema.user_names, schema.user_categorical);
  return names;
}

}  // namespace

Result<Feeds> ReadFeeds(Config& project, const std::vector<ObjectiveConfig>& objectives, const FeatureSet& features,
                        Experiments* experiments) {
  const PropertySchema& schema = features.schema;
  Feeds feeds;
  feeds.old_form = project.HasTable("feed");
  std::vector<Config> tables;
  if (feeds.old_form || !project.Has("feed"))
    tables.push_back(project.Table("feed"));
  else
    tables = project.Tables("feed");
  const ValueNames names = NamesOf(objectives, schema);
  const std::vector<ConditionName> conditions = ConditionNamesOf(features);
  GFR_ASSIGN(const std::vector<ChannelConfig> channels, ReadChannels(project));
  GFR_ASSIGN(const LogConfig log, LogConfig::Read(project));
  const double full_share = log.full_share;
  feeds.all.clear();
  for (Config& table : tables) {
    if (tables.size() > 1 && !table.Has("name")) {
      table.Fail("name", "is missing; each of several [[feed]] has a name");
      GFR_TRY(table.Finish());
    }
    GFR_ASSIGN(FeedConfig feed, ReadFeed(table, names, conditions));
    if (std::ranges::find(feeds.all, feed.name, &FeedConfig::name) != feeds.all.end()) {
      table.Fail("name", "is '" + feed.name + "', as of a [[feed]] before");
      GFR_TRY(table.Finish());
    }
    if (feed.channels.empty()) feed.channels = channels;
    feed.full_share = full_share;
    feeds.all.push_back(std::move(feed));
  }
  if (feeds.all.empty()) return Error{ErrorCode::kInvalidArgument, "feed is an empty list", project.where("feed")};
  Experiments::Names of{.context = ContextNames(schema), .feeds = {}, .read_overlay = [&](Config& table) {
                          if (table.Has("contract"))
                            table.Fail("contract",
                                       "is of [[feed]] alone: its prices are kept by arm, its terms are one");
                          return ReadOverlay(table, names, conditions);
                        }};
  for (const FeedConfig& feed : feeds.all) of.feeds.push_back(feed.name);
  GFR_ASSIGN(*experiments, Experiments::Read(project, of));
  return feeds;
}

}  // namespace gfr
