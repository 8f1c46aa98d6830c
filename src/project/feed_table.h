// Reads the tables of gfr.toml that say what a feed is: [feed], [feed.swap] and [[channel]]; and of [log] what its
// record keeps.
#pragma once

#include "base/config.h"
#include "feed/feed_config.h"

namespace gfr {

// kInvalidArgument names file, line and key. What must fit other tables is checked in project/cross_checks.h.
Result<FeedConfig> ReadFeedTable(Config& project);

}  // namespace gfr
