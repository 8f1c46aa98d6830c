// ChannelConfig: how many candidates a channel may bring to a feed (retrieve/sources.h has the channels).
#pragma once

#include <string>

namespace gfr {

struct ChannelConfig {
  std::string name;
  int quota = 0;
  bool operator==(const ChannelConfig&) const = default;
};

}  // namespace gfr
