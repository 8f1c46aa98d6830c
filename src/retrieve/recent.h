// The recent channel: the newest items: by their `released` property (seconds since 1970), else by the epoch in which
// the log first named them.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

// The source `warm_up` of that channel: the newest items that were not shown kWarmUpImpressions times yet, then the
// others: each new item gets its share of impressions, and what was shown that often has to win elsewhere.
class WarmUpSource final : public CandidateSource {
 public:
  static constexpr std::uint32_t kWarmUpImpressions = 200;

  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

class RecentSource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
