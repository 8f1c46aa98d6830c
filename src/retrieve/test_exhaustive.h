// The channels as full scans of the catalogue: slow and obvious. What the prepared lists are tested against.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "feed/channel_config.h"
#include "retrieve/candidate_source.h"

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

inline double Similarity(const PropertySchema& schema, std::span<const PropertyValue> a,
                         std::span<const PropertyValue> b) {
  double shared = 0, near = 0;
  bool any = false;
  for (std::size_t p = 0; p < schema.item_names.size(); ++p) {
    if (!schema.item_categorical[p]) continue;
    any = true;
    shared += a[p].category != 0 && a[p].category == b[p].category;
  }
  const double pa = a[0].number, pb = b[0].number;
  if (pa > 0 && pb > 0) near = std::max(0.0, 1.0 - std::fabs(Log2(pa / pb)));
  return any ? shared * (1.0 + near) : near;
}

inline std::vector<Scored> Score(const SourceQuery& q, const std::string& channel) {
  std::vector<const std::byte*> last;
  for (std::size_t i = 0; i < std::min<std::size_t>(q.recent.size(), 8); ++i) {
    const std::byte* row = q.recent[i] != 0 ? q.shared.FindItem(q.recent[i], PinOf(q)) : nullptr;
    if (row) last.push_back(row);
  }
  const int released = q.schema.FindItem("released");
  std::vector<Scored> scored;
  ForEachItem(q, [&](Key key, const std::byte* row) {
    const auto properties = q.shared.Properties(row);
    if (channel == "exploit") {
      double similarity = 0;
      for (std::size_t i = 0; i < last.size(); ++i) {
        similarity += (last[i] == row ? 2.0 : Similarity(q.schema, properties, q.shared.Properties(last[i]))) /
                      static_cast<double>(1 + i);
      }
      if (similarity > 0) scored.push_back({similarity * Log2(2.0 + PopularityNow(q, row)), key});
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
