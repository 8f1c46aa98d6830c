// The popularity channel: the most clicked, viewed and bought items, decayed with a half-life of a day.
//
// All items decay alike, so their order by decayed popularity is their order by a rank that no time changes: log2 of
// the popularity plus the days until it was noted. Thread safety: all calls.
#pragma once

#include "retrieve/candidate_source.h"

namespace gfr {

// An item's popularity, decayed until `at_ms`.
double PopularityAt(const std::byte* row, std::int64_t at_ms);
// Of two items the one with the greater rank is the more popular at every time; -infinity: it never was.
double PopularityRank(const std::byte* row);

class PopularitySource final : public CandidateSource {
 public:
  std::shared_ptr<const SourceLists> Update(std::shared_ptr<const SourceLists> before,
                                            const CatalogueChanges& changes) const override;
  std::shared_ptr<const SourceLists> Decode(ListsReader* in) const override;
};

}  // namespace gfr
