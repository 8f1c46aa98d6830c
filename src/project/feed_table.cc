#include "project/feed_table.h"

#include "retrieve/sources.h"

namespace gfr {

Result<FeedConfig> ReadFeedTable(Config& project) {
  FeedConfig feed;
  Config table = project.Table("feed");
  feed.size = static_cast<int>(table.Integer("size", 20, 1, 1000));
  const std::string text = table.String("value", "pctr");
  const std::string impressions = table.String("impressions", "client");
  if (impressions != "client" && impressions != "on_serve")
    table.Fail("impressions", "is '" + impressions + "'; valid are client and on_serve");
  feed.impressions_on_serve = impressions == "on_serve";
  auto value = ValueFormula::Parse(text);
  if (!value.ok()) table.Fail("value", value.error().message);
  Config swap = table.Table("swap");
  feed.swap_share = swap.Number("share", 0, 0, 1);
  GFR_TRY(swap.Finish());
  GFR_TRY(table.Finish());
  Config log = project.Table("log");
  feed.full_share = log.Number("full_share", feed.full_share, 0, 1);
  GFR_TRY(log.Finish());
  feed.value = std::move(value).value();
  GFR_ASSIGN(feed.channels, ReadChannels(project));
  return feed;
}

}  // namespace gfr
