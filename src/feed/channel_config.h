// ChannelConfig: how many candidates a source of a channel may bring to a feed (retrieve/sources.h has both).
#pragma once

#include <string>

namespace gfr {

struct ChannelConfig {
  std::string name;
  int quota = 0;
  std::string source = {};  // Of the channel; empty: its first one.
  double budget_ms = 2;     // Of processor time a request; of a source that scores (catalogue).
  bool operator==(const ChannelConfig&) const = default;
};

}  // namespace gfr
