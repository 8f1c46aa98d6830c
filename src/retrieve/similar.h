// The source `similar` of channel exploit: items that the same users came to as to the user's last ones
// (cooccurrence.h), by the sum of their similarities, each divided by the square root of its item's place among the
// last ones, from 1 for the newest. Without counts it finds none.
//
// Thread safety: all calls.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class SimilarSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
