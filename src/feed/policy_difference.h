// DifferencesBeyondDraws: in what a feed differs from the one that made a log, such that the log cannot say what it
// would have earned.
//
// A log has support for other draws from the pools that it drew from: by another explore rate, other scores of what is
// drawn, another value formula within the pools (feed/target_draws.h). Other candidates, eligibility, caps, floors,
// pins, boosts, contracts, sizes or drawn positions give other pools or other slates around them, whose probability was
// 0. Thread safety: a pure function.
#pragma once

#include <string>
#include <vector>

#include "feed/feed_config.h"

namespace gfr {

// Named as in `gfr.toml`; empty: off-policy estimates can judge it.
std::vector<std::string> DifferencesBeyondDraws(const FeedConfig& logged, const FeedConfig& target);

}  // namespace gfr
