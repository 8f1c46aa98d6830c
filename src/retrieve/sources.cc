#include "retrieve/sources.h"

#include <algorithm>

#include "retrieve/catalogue.h"
#include "retrieve/embedding.h"
#include "retrieve/exploit.h"
#include "retrieve/explore.h"
#include "retrieve/popularity.h"
#include "retrieve/recent.h"
#include "retrieve/repeat.h"
#include "retrieve/similar.h"
#include "retrieve/trending.h"

namespace gfr {
namespace {

template <typename Source>
std::unique_ptr<const CandidateSource> Make() {
  return std::make_unique<Source>();
}

}  // namespace

const std::vector<SourceEntry>& AllSources() {
  static const std::vector<SourceEntry> kSources{
      {"affinity", "exploit", Make<ExploitSource>},
      {"similar", "exploit", Make<SimilarSource>},
      {"embedding", "exploit", Make<EmbeddingSource>},
      {"catalogue", "exploit", Make<CatalogueSource>},
      {"repeat", "exploit", Make<RepeatSource>},
      {"explore", "explore", Make<ExploreSource>},
      {"popularity", "popularity", Make<PopularitySource>},
      {"trending", "popularity", Make<TrendingSource>},
      {"recent", "recent", Make<RecentSource>},
      {"warm_up", "recent", Make<WarmUpSource>},
  };
  return kSources;
}

std::size_t SourceIndex(const ChannelConfig& channel) {
  const auto& all = AllSources();
  return static_cast<std::size_t>(std::ranges::find_if(all,
                                                       [&](const SourceEntry& s) {
                                                         return channel.name == s.channel &&
                                                                (channel.source.empty() || channel.source == s.name);
                                                       }) -
                                  all.begin());
}

std::string FirstSourceOf(std::string_view channel) {
  const auto source = std::ranges::find(AllSources(), channel, &SourceEntry::channel);
  return source == AllSources().end() ? "" : source->name;
}

namespace {

// The names of `channel`'s sources; of an empty one the channels'. Each once.
std::string ValidNames(std::string_view channel) {
  std::vector<std::string_view> names;
  for (const SourceEntry& source : AllSources()) {
    const std::string_view name = channel.empty() ? source.channel : source.name;
    if ((channel.empty() || channel == source.channel) && std::ranges::find(names, name) == names.end())
      names.push_back(name);
  }
  std::string valid;
  for (const std::string_view name : names) valid += (valid.empty() ? "" : ", ") + std::string(name);
  return valid;
}

Status ReadSources(Config& entry, const std::string& channel, std::vector<ChannelConfig>* channels) {
  std::vector<std::string> named;
  for (Config& table : entry.Tables("source")) {
    ChannelConfig source{.name = channel,
                         .quota = static_cast<int>(table.Integer("quota", 20, 0, 10000)),
                         .source = table.String("name", "")};
    if (source.source == "catalogue") source.budget_ms = table.Number("budget_ms", source.budget_ms, 0, 1000);
    if (source.source.empty() || SourceIndex(source) == AllSources().size())
      table.Fail("name", "is '" + source.source + "'; valid for channel " + channel + " are " + ValidNames(channel));
    else if (std::ranges::find(named, source.source) != named.end())
      table.Fail("name", "is '" + source.source + "', as of a source before");
    GFR_TRY(table.Finish());
    named.push_back(source.source);
    channels->push_back(std::move(source));
  }
  return {};
}

}  // namespace

Result<std::vector<ChannelConfig>> ReadChannels(Config& table) {
  std::vector<ChannelConfig> channels;
  for (Config& entry : table.Tables("channel")) {
    ChannelConfig channel{.name = entry.String("name", ""), .quota = 20};
    if (SourceIndex(channel) == AllSources().size()) {
      entry.Fail("name", "is '" + channel.name + "'; valid are " + ValidNames(""));
    } else if (entry.Has("source")) {
      if (entry.Has("quota")) entry.Fail("quota", "is given beside [[channel.source]]; give each source its own");
      GFR_TRY(ReadSources(entry, channel.name, &channels));
      GFR_TRY(entry.Finish());
      continue;
    } else {
      channel.quota = static_cast<int>(entry.Integer("quota", 20, 0, 10000));
    }
    GFR_TRY(entry.Finish());
    channels.push_back(std::move(channel));
  }
  if (channels.empty()) {
    for (const char* name : {"exploit", "explore", "popularity", "recent"}) channels.push_back({name, 20});
  }
  return channels;
}

}  // namespace gfr
