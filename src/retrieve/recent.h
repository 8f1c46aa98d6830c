// The recent channel: the newest items: by their `released` property (seconds since 1970), else by the epoch in which
// the log first named them.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class RecentSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
