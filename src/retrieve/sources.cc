#include "retrieve/sources.h"

#include <algorithm>

#include "retrieve/exploit.h"
#include "retrieve/explore.h"
#include "retrieve/popularity.h"
#include "retrieve/recent.h"

namespace gfr {
namespace {

template <typename Source>
std::unique_ptr<const CandidateSource> Make() {
  return std::make_unique<Source>();
}

}  // namespace

const std::vector<SourceEntry>& AllSources() {
  static const std::vector<SourceEntry> kSources{
      {"exploit", Make<ExploitSource>},
      {"explore", Make<ExploreSource>},
      {"popularity", Make<PopularitySource>},
      {"recent", Make<RecentSource>},
  };
  return kSources;
}

Result<std::vector<ChannelConfig>> ReadChannels(Config& table) {
  std::vector<ChannelConfig> channels;
  std::string valid;
  for (const SourceEntry& source : AllSources()) valid += (valid.empty() ? "" : ", ") + std::string(source.name);
  for (Config& entry : table.Tables("channel")) {
    ChannelConfig channel{entry.String("name", ""), static_cast<int>(entry.Integer("quota", 20, 0, 10000))};
    if (std::ranges::none_of(AllSources(), [&](const SourceEntry& s) { return channel.name == s.name; }))
      entry.Fail("name", "is '" + channel.name + "'; valid are " + valid);
    GFR_TRY(entry.Finish());
    channels.push_back(std::move(channel));
  }
  if (channels.empty()) {
    for (const SourceEntry& source : AllSources()) channels.push_back({source.name, 20});
  }
  return channels;
}

}  // namespace gfr
