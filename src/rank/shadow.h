// A shadow: what another model says of a request's candidates, beside the answer. It proves health, latency and
// agreement, never quality: nobody has seen its slate.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "bound/bound_model.h"
#include "event/event.h"
#include "feed/feed.h"
#include "feed/feed_config.h"

namespace gfr {

// What a shadow scores: kept by Rank when RankSettings asks for it.
struct ShadowInput {
  std::vector<float> features;                  // Candidates x columns.
  std::vector<std::vector<double>> properties;  // Of each property of the value formula, one a candidate.
  std::vector<std::uint8_t> ineligible;         // Draft::ineligible.
};

inline constexpr std::size_t kShadowItems = 20;  // Of its own order, that its record keeps.

// The feed.shadow of `request`, a feed.request of these candidates with all of them as items: the scores of what was
// shown and of the shadow's own best, whose `index` is the place there (-1: not among them). `name`: of the shadow.
Event ScoreShadow(const std::string& name, const BoundModel& model, const FeedConfig& feed, const Event& request,
                  const ShadowInput& input);

// The same of a feed that a shadow ranked by its own pipeline for the request.
Event ShadowOf(const std::string& name, const Event& request, Feed feed);

// Of the items shown, the share that is among the shadow's first so many; NaN: none was shown.
double ShadowOverlap(const Event& request, const Event& shadow);

}  // namespace gfr
