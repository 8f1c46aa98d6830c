// The source `embedding` of channel exploit: the items whose vectors lie nearest to the user's, which is made of the
// items that they interacted with last (embedding_index.h). Without an index, and of a user without such items, it
// finds none.
//
// `gfr index` makes the index, and a server gets it from the registry. Servers that have no catalogue of their own
// (lists_codec.h) do not have this source. Thread safety: all calls.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class EmbeddingSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
