#include "retrieve/recent.h"

#include <cmath>

#include "retrieve/ranked_list.h"

namespace gfr {
namespace {

double ReleasedSeconds(const CatalogueChanges& changes, const std::byte* row) {
  if (const int released = changes.schema.FindItem("released"); released >= 0) {
    const double released_s = changes.shared.Properties(row)[static_cast<std::size_t>(released)].number;
    if (!std::isnan(released_s)) return released_s;
  }
  return static_cast<double>(SharedState::Summary(row).first_seen_ms) / 1000.0;
}

// Warmed up items come behind all others, in the same order.
double WarmUpSeconds(const CatalogueChanges& changes, const std::byte* row) {
  constexpr double kBehind = 1e12;  // Seconds: more than any two releases are apart.
  const bool is_warm = SharedState::Summary(row).impressions >= WarmUpSource::kWarmUpImpressions;
  return ReleasedSeconds(changes, row) - (is_warm ? kBehind : 0);
}

}  // namespace

std::shared_ptr<const SourceLists> WarmUpSource::Update(std::shared_ptr<const SourceLists> before,
                                                        const CatalogueChanges& changes) const {
  return RankedList::Update(std::move(before), changes, WarmUpSeconds);
}

std::shared_ptr<const SourceLists> WarmUpSource::Decode(ListsReader* in) const { return RankedList::Decode(in); }

std::shared_ptr<const SourceLists> RecentSource::Update(std::shared_ptr<const SourceLists> before,
                                                        const CatalogueChanges& changes) const {
  return RankedList::Update(std::move(before), changes, ReleasedSeconds);
}

std::shared_ptr<const SourceLists> RecentSource::Decode(ListsReader* in) const { return RankedList::Decode(in); }

}  // namespace gfr
