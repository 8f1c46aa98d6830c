// The states of feature types `taste` and `affinity`, and what they say of a user apart from any candidate: which
// categories (or bands) the user likes more than others. Candidate sources read it.
//
// Thread safety: plain bytes; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "feature/feature_set.h"

namespace gfr {

// A state of `taste`: the header, then FeatureConfig::capacity slots. Counts are decayed to `at_ms`.
struct TasteSlot {
  Key key;  // Of the category or band; 0: empty.
  float events, offered;
};
struct TasteHeader {
  std::int64_t at_ms;
  double events, offered;  // Of all categories.
};

// A state of `affinity`, likewise.
struct AffinitySlot {
  Key key;
  double weight;
};
struct AffinityHeader {
  std::int64_t at_ms;
  double total;
};

// How many times as likely as the user's mean candidate one of this category is to be taken: below 1 for what the user
// was shown and did not take.
struct CategoryLift {
  Key category;  // As CategoryOrBand gives it.
  double lift;   // Above 0.
};

// By `taste` the category's rate over the user's own, both shrunk as the column is; the user's own to kPriorRate. By
// `affinity`, which keeps no denominator, 1 + kShareWeight x the category's weight / (total + kShareShrunk). Categories
// that are not named have lift 1. Empty for features of other types. `state`: of this feature.
std::vector<CategoryLift> ReadLifts(const FeatureConfig& feature, const std::byte* state, std::int64_t now_ms);
inline constexpr double kPriorRate = 0.05, kPriorRateWeight = 20, kShareWeight = 8, kShareShrunk = 4;

}  // namespace gfr
