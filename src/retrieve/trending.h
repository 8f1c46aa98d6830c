// The source `trending` of channel popularity: what is clicked, viewed and bought most of late among users like this
// one (trends.h): by turns of each of the user's segments and of the whole shop. Without counts it finds none.
//
// Thread safety: all calls.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class TrendingSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
