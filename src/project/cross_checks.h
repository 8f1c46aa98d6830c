// Checks of gfr.toml that need more than one table. Each module checks its own table when it reads it.
#pragma once

#include <vector>

#include "base/config.h"
#include "dataset/objective_config.h"
#include "feed/feed_config.h"

namespace gfr {

// kInvalidArgument, with the line of [feed] value, when the formula combines pctr and pcvr although pcvr does not start
// where pctr ends: their product would be no probability.
Status CheckValueFormula(Config& project, const FeedConfig& feed, const std::vector<ObjectiveConfig>& objectives);

}  // namespace gfr
