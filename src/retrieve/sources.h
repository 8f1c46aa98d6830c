// The channels' sources by name: sources.cc has one line for each. The first one of a channel is what a configuration
// that names no source means.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "feed/channel_config.h"
#include "retrieve/candidate_source.h"

namespace gfr {

struct SourceEntry {
  const char* name;
  const char* channel;
  std::unique_ptr<const CandidateSource> (*make)();
};
const std::vector<SourceEntry>& AllSources();

// The index in AllSources of what the configuration names; its size: there is no such source.
std::size_t SourceIndex(const ChannelConfig& channel);
// The first source of a channel; empty: there is no such channel.
std::string FirstSourceOf(std::string_view channel);

// [[channel]] of `table`: name and quota, or a [[channel.source]] of name and quota for each source wanted, which
// become an entry each; without one the first source of all channels, 20 items each. A name of no channel, or of no
// source of it, is an error at its line.
Result<std::vector<ChannelConfig>> ReadChannels(Config& table);

}  // namespace gfr
