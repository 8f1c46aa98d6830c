// The explore channel: items drawn at random without replacement, each with weight 1 / (1 + impressions).
//
// Items lie in classes by the bit width of n = 1 + impressions. A draw picks a class by its size times the weight of
// its least shown items, an item of it evenly, and keeps it with probability 2^class / n, which is above 1/2: exactly
// the weights, in integers (rejection sampling). What the request has already is taken out when it is met, so that
// nothing is met twice, and a draw is one from the weights of what is left. Classes are in order of key, so that a seed
// draws the same items whatever the table's order.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class ExploreSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
