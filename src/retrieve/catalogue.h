// The source `catalogue` of channel exploit: every item on sale, for the ranker to score where its budget allows
// (rank/whole_catalogue.h). It finds nothing by itself.
//
// Items are listed while the catalogue has at most kMost of them on sale; of more, a bit an item is kept, and they are
// listed again once enough have left. Thread safety: all calls.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class CatalogueSource final : public CandidateSource {
 public:
  static constexpr std::size_t kMost = 1u << 15;

  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
