// Reads of a [[feed]] table what its slates may show and how they are put together: [[feed.rule]], [[feed.cap]],
// [[feed.floor]], [[feed.pin]], [[feed.boost]], [[feed.contract]], [feed.policy] (feed/feed_policy.h).
#pragma once

#include <memory>
#include <vector>

#include "base/config.h"
#include "feature/feature_set.h"
#include "feed/feed_policy.h"

namespace gfr {

// Properties of a request's four parts, `age_days`, and numeric features.
std::vector<ConditionName> ConditionNamesOf(const FeatureSet& features);

// Null: the feed has none of these tables. kInvalidArgument names file, line and key; `names` are those of all
// conditions.
Result<std::shared_ptr<const FeedPolicy>> ReadFeedPolicy(Config& feed, const std::vector<ConditionName>& names);

}  // namespace gfr
