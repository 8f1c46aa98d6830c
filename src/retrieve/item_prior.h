// ItemPrior: how promising an item is before anything is known of the user: its click rate, shrunk, times how much it
// was clicked, viewed and bought.
//
// The counts are those of the item's whole life, so that an item's prior changes with its own events alone, never with
// time: lists in its order stay in order. How popular an item is now is the popularity channel's (popularity.h).
// Thread safety: pure functions.
#pragma once

#include <algorithm>

#include "state/shared_state.h"

namespace gfr {

inline constexpr double kPriorClicks = 1, kPriorImpressions = 20;
// The exponent of an item's clicks, views and purchases.
inline constexpr double kPriorPopularity = 0.25;

// log2 of the prior. Of shops that log no impressions the counts alone decide.
inline double ItemPriorRank(const std::byte* row) {
  const ItemSummary& item = SharedState::Summary(row);
  const double shown = std::max(item.impressions, item.clicks);
  return Log2((item.clicks + kPriorClicks) / (shown + kPriorImpressions)) + kPriorPopularity * Log2(1.0 + item.touches);
}

}  // namespace gfr
