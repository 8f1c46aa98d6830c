// Which candidates may be in the slate: those that are on sale and that no [[feed.rule]] leaves out.
//
// A rule over properties is applied before the candidates' features are read: what it leaves out is no candidate. A
// rule that reads features is applied to their values: what it leaves out stays a candidate (features that compare
// candidates have seen it) that the policy never places. Every removal is counted by rule.
// Thread safety: none; a draft belongs to its request.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "rank/draft.h"

namespace gfr {

inline constexpr std::size_t kLeftOutIds = 5;  // Of the items of one rule that are no candidates, so many are named.

// Counts a candidate that a rule left out before it was read.
void CountDropped(const std::string& rule, const EventItem& item, Draft* draft);

// Leaves out of the draft's items those that are off sale and those of the rules over properties, and counts them.
// Rows of a store that cannot be read say nothing. REQUIRES: FeatureReader::FindItems.
void DropIneligible(const RankInput& in, Draft* draft);

// Fills `ineligible` by the rules that read features, and counts what they leave out. REQUIRES: the features are read.
void MarkIneligible(const RankInput& in, Draft* draft);

// How many of the candidates may be in the slate.
std::size_t EligibleCount(const Draft& draft);

// Whether the policy may place the candidate.
inline bool IsEligible(const Draft& draft, std::size_t item) {
  return draft.ineligible.empty() || !draft.ineligible[item];
}

}  // namespace gfr
