// The channels by name: sources.cc has one line for each.
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
  std::unique_ptr<const CandidateSource> (*make)();
};
const std::vector<SourceEntry>& AllSources();

// [[channel]] of `table`: name and quota; without one all sources, 20 items each. A name
// of no source is an error at its line.
Result<std::vector<ChannelConfig>> ReadChannels(Config& table);

}  // namespace gfr
