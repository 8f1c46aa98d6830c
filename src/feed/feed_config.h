// FeedConfig: what `gfr.toml` says of a feed: its size, its value formula, its channels.
#pragma once

#include <vector>

#include "feed/channel_config.h"
#include "feed/value_formula.h"

namespace gfr {

struct FeedConfig {
  int size = 20;
  ValueFormula value;
  bool impressions_on_serve = false;
  std::vector<ChannelConfig> channels;
  // [feed.swap] share: of so many requests, nothing is drawn, and pairs of neighbouring places (0 and 1, 2 and 3, ...
  // or 1 and 2, ...) are put in order by a coin each.
  double swap_share = 0;
  double full_share = 0.001;  // [log] full_share: of the requests' records, how many are kept whole (slate_record.h).
};

}  // namespace gfr
