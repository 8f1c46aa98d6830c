// The channels as full scans of the catalogue: slow and obvious. What the prepared lists are tested against.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "feed/channel_config.h"
#include "retrieve/affinities.h"
#include "retrieve/candidate_source.h"
#include "retrieve/category_lists.h"
#include "retrieve/exploit.h"
#include "retrieve/item_prior.h"

namespace gfr::exhaustive {

struct Scored {
  double score;
  Key item;
  friend bool operator<(const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  }
};

inline const Pin& PinOf(const SourceQuery& q) { return static_cast<const TableItemRows&>(q.items).pin(); }

// Every item on sale that the pin sees.
template <typename F>
void ForEachItem(const SourceQuery& q, F&& each) {
  for (std::uint32_t id = 0; id < q.shared.item_count(); ++id) {
    const std::byte* row = q.shared.item_row(id, PinOf(q));
    if (row != nullptr && q.shared.IsOnSale(row)) each(q.shared.item_key(id), row);
  }
}

inline double PopularityNow(const SourceQuery& q, const std::byte* row) {
  const ItemSummary& item = SharedState::Summary(row);
  const double age_ms = static_cast<double>(std::max<std::int64_t>(0, q.epoch_end_ms - item.popularity_ms));
  return item.popularity > 0 ? item.popularity * Exp2(-age_ms / (24.0 * 3600 * 1000)) : 0.0;
}

// Whether exploit may look at an item: it is in a list that it looks into. Lists of categories are read whole here; of
// the whole catalogue the best CategoryLists::kMost.
class ExploitedItems {
 public:
  ExploitedItems(const SourceQuery& q, const Affinities& affinities, const std::vector<LastItem>& last) {
    for (const auto& liked : affinities.Best(ExploitSource::kListsAProperty))
      wanted_.insert(CategoryLists::CategoryList(liked.property, liked.value));
    std::vector<Key> near;
    for (const LastItem& item : last) {
      items_.insert(item.key);
      CategoryLists::ListsNear(q.schema, item.properties, &near);
    }
    wanted_.insert(near.begin(), near.end());
    std::vector<std::pair<CategoryLists::Entry, Key>> all;
    for (std::uint32_t id = 0; id < q.shared.item_count(); ++id) {
      const std::byte* row = q.shared.item_row(id, PinOf(q));
      if (row != nullptr && q.shared.IsOnSale(row))
        all.push_back({{static_cast<float>(ItemPriorRank(row)), id}, q.shared.item_key(id)});
    }
    std::ranges::sort(all, [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < std::min(all.size(), CategoryLists::kMost); ++i) items_.insert(all[i].second);
  }
  bool Has(const SourceQuery& q, Key key, std::span<const PropertyValue> properties) const {
    std::vector<Key> lists;
    CategoryLists::ListsOf(q.schema, properties, &lists);
    return items_.contains(key) || std::ranges::any_of(lists, [&](Key list) {
             return list != CategoryLists::AllItems() && wanted_.contains(list);
           });
  }

 private:
  std::unordered_set<Key> wanted_, items_;
};

inline std::vector<Scored> Score(const SourceQuery& q, const std::string& channel) {
  const std::vector<LastItem> last = FindLastItems(q);
  const Affinities affinities(q, last);
  const ExploitedItems exploited(q, affinities, last);
  const int released = q.schema.FindItem("released");
  std::vector<Scored> scored;
  ForEachItem(q, [&](Key key, const std::byte* row) {
    const auto properties = q.shared.Properties(row);
    if (channel == "exploit") {
      if (!affinities.empty() && exploited.Has(q, key, properties))
        scored.push_back({ItemPriorRank(row) + affinities.LogLift(properties), key});
    } else if (channel == "popularity") {
      scored.push_back({PopularityNow(q, row), key});
    } else if (channel == "recent") {
      const double said = released < 0 ? kMissing : properties[static_cast<std::size_t>(released)].number;
      scored.push_back(
          {std::isnan(said) ? static_cast<double>(SharedState::Summary(row).first_seen_ms) / 1000.0 : said, key});
    } else {  // explore: exponential keys (Efraimidis and Spirakis, 2006).
      scored.push_back({-q.rng.Exponential(1.0 + SharedState::Summary(row).impressions), key});
    }
  });
  return scored;
}

inline std::vector<Candidate> Find(const SourceQuery& q, const std::vector<ChannelConfig>& channels,
                                   std::unordered_set<Key> taken) {
  std::vector<Candidate> candidates;
  for (const ChannelConfig& channel : channels) {
    std::vector<Scored> scored = Score(q, channel.name);
    std::erase_if(scored, [&](const Scored& s) { return taken.contains(s.item); });
    const auto quota = std::min<std::size_t>(scored.size(), static_cast<std::size_t>(channel.quota));
    std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(quota), scored.end());
    for (std::size_t i = 0; i < quota; ++i) {
      taken.insert(scored[i].item);
      candidates.push_back({scored[i].item, channel.name});
    }
  }
  return candidates;
}

}  // namespace gfr::exhaustive
