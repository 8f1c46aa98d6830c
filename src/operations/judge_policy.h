// JudgePolicy: what a feed would have earned, in clicks of whole slates, had it drawn otherwise from the pools that it
// drew from: by another explore_rate, other scores of what is drawn, or another value formula within the pools.
//
// Slates are those that the feed served by today's configuration, outside of experiments (the holdout's rest counts),
// whose clicks have had `window_ms` to come. All else that a slate follows from must be the same in both: a feed that
// differs elsewhere is refused (feed/policy_difference.h). Estimates: metric/slate_off_policy.h. Thread safety: a pure
// function of the log.
#pragma once

#include <cstdint>
#include <limits>

#include "base/time.h"
#include "dataset/dataset.h"
#include "event/alias.h"
#include "feed/feed_config.h"
#include "log/event_source.h"
#include "metric/off_policy.h"

namespace gfr {

struct JudgePolicyOptions {
  std::int64_t from_ms = INT64_MIN, to_ms = INT64_MAX;  // Of the requests' times.
  std::int64_t window_ms = kDayMs;
  // Of the target's draws, by its value formula (feed/target_draws.h); infinity: all alike.
  double temperature = std::numeric_limits<double>::infinity();
  std::uint64_t configuration = 0;  // Fingerprint of the one that served; records of others are left out.
};

struct JudgedPolicy {
  OffPolicyReport report;   // Its rows: slates. Empty but for the refusal where the target differs beyond draws.
  std::uint64_t drawn = 0;  // Of them, those with a draw.
  // Left out: of another configuration, in an experiment, without the scores that the formula reads, too young.
  std::uint64_t other_configuration = 0, in_experiments = 0, without_scores = 0, young = 0;
};

// `logged`, `target`: of one name. kInvalidArgument: the target's formula, where it is another one, reads properties of
// the items, which records do not keep. Else it fails as the log's reader does.
Result<JudgedPolicy> JudgePolicy(EventSource& log, const FeedConfig& logged, const FeedConfig& target,
                                 const JudgePolicyOptions& options, const LeaveOutConfig& leave_out,
                                 const AliasRule& rule);

}  // namespace gfr
