// Reads the tables of gfr.toml that say what feeds there are: [[feed]] with [feed.swap], [[feed.channel]] and
// [[feed.rule]], and the [[channel]] of those that have none of their own. [feed], the form of 0.1, is the one feed
// "home". Of [log] it reads what the records of slates keep.
#pragma once

#include <vector>

#include "base/config.h"
#include "dataset/objective_config.h"
#include "experiment/experiments.h"
#include "feature/feature_set.h"
#include "feed/feed_config.h"

namespace gfr {

// kInvalidArgument names file, line and key. `objectives` and the numeric properties of the items are what value
// formulas may name; all properties and the numeric features what conditions may (feed/item_condition.h).
// `experiments`: gets what [[variant]], [[experiment]] and [holdout] say, whose treatments set keys of these feeds.
Result<Feeds> ReadFeeds(Config& project, const std::vector<ObjectiveConfig>& objectives, const FeatureSet& features,
                        Experiments* experiments);

}  // namespace gfr
