#include "retrieve/popularity.h"

#include <algorithm>
#include <limits>

#include "retrieve/ranked_list.h"

namespace gfr {
namespace {
constexpr double kHalfLifeMs = 24.0 * 3600 * 1000;
}

double PopularityAt(const std::byte* row, std::int64_t at_ms) {
  const ItemSummary& item = SharedState::Summary(row);
  const double age_ms = static_cast<double>(std::max<std::int64_t>(0, at_ms - item.popularity_ms));
  return item.popularity > 0 ? item.popularity * Exp2(-age_ms / kHalfLifeMs) : 0.0;
}

double PopularityRank(const std::byte* row) {
  const ItemSummary& item = SharedState::Summary(row);
  if (!(item.popularity > 0)) return -std::numeric_limits<double>::infinity();
  return Log2(item.popularity) + static_cast<double>(item.popularity_ms) / kHalfLifeMs;
}

std::shared_ptr<const SourceLists> PopularitySource::Update(std::shared_ptr<const SourceLists> before,
                                                            const CatalogueChanges& changes) const {
  return RankedList::Update(std::move(before), changes,
                            [](const CatalogueChanges&, const std::byte* row) { return PopularityRank(row); });
}

std::shared_ptr<const SourceLists> PopularitySource::Decode(ListsReader* in) const { return RankedList::Decode(in); }

}  // namespace gfr
