// The source `repeat` of channel exploit: what the user has bought before, what they bought most often first, of equal
// counts what they bought last.
//
// It reads the first feature of type `interaction` with scope user that counts purchases alone; without one it finds
// none. Lists that another process published find none either: what a user bought need not be among their items.
// Thread safety: all calls.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

class RepeatSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
