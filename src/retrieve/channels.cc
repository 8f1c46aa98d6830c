#include "retrieve/channels.h"

#include <algorithm>
#include <cmath>

namespace gfr {
namespace {

struct Scored {
  double score;
  Key item;
  friend bool operator<(const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  }
};

struct Context {
  const OnlineStore& store;
  Key user;
  Rng& rng;
};

double PopularityNow(const OnlineStore& store, const ItemSummary& item) {
  const double age_ms = static_cast<double>(std::max<std::int64_t>(0, store.epoch_end_ms() - item.popularity_ms));
  return item.popularity * Exp2(-age_ms / (24.0 * 3600 * 1000));
}

// Shared categories, weighted by how near the prices are; by the prices alone when items have no categories.
double Similarity(const PropertySchema& schema, const ItemSummary& a, const ItemSummary& b) {
  double shared = 0, near = 0;
  bool any = false;
  for (std::size_t p = 0; p < schema.item_names.size(); ++p) {
    if (!schema.item_categorical[p]) continue;
    any = true;
    shared += a.properties[p].category != 0 && a.properties[p].category == b.properties[p].category;
  }
  const double pa = a.properties[0].number, pb = b.properties[0].number;
  if (pa > 0 && pb > 0) near = std::max(0.0, 1.0 - std::fabs(Log2(pa / pb)));
  return any ? shared * (1.0 + near) : near;
}

std::vector<Scored> Exploit(const Context& c) {
  std::vector<const ItemSummary*> touched;
  const std::span<const Key> recent = c.store.RecentItems(c.user);
  for (std::size_t i = 0; i < std::min<std::size_t>(recent.size(), 8); ++i) {
    if (const auto at = c.store.items().find(recent[i]); at != c.store.items().end()) touched.push_back(&at->second);
  }
  std::vector<Scored> scored;
  for (const auto& [key, item] : c.store.items()) {
    double similarity = 0;
    for (std::size_t i = 0; i < touched.size(); ++i) {
      similarity += (touched[i] == &item ? 2.0 : Similarity(c.store.features().schema, item, *touched[i])) /
                    static_cast<double>(1 + i);
    }
    if (similarity > 0) scored.push_back({similarity * Log2(2.0 + PopularityNow(c.store, item)), key});
  }
  return scored;
}

std::vector<Scored> Popularity(const Context& c) {
  std::vector<Scored> scored;
  for (const auto& [key, item] : c.store.items()) scored.push_back({PopularityNow(c.store, item), key});
  return scored;
}

std::vector<Scored> Explore(const Context& c) {
  // In key order, so that a seed draws the same items whatever the table's order; exponential keys: Efraimidis and
  // Spirakis, 2006.
  std::vector<Key> keys;
  for (const auto& [key, item] : c.store.items()) keys.push_back(key);
  std::ranges::sort(keys);
  std::vector<Scored> scored;
  for (const Key key : keys) scored.push_back({-c.rng.Exponential(1.0 + c.store.items().at(key).impressions), key});
  return scored;
}

std::vector<Scored> Recent(const Context& c) {
  const int released = c.store.features().schema.FindItem("released");
  std::vector<Scored> scored;
  for (const auto& [key, item] : c.store.items()) {
    double at_s = static_cast<double>(item.first_seen_ms) / 1000.0;
    if (released >= 0 && !std::isnan(item.properties[released].number)) at_s = item.properties[released].number;
    scored.push_back({at_s, key});
  }
  return scored;
}

// The channels: one line each.
struct ChannelEntry {
  const char* name;
  std::vector<Scored> (*find)(const Context&);
};
constexpr ChannelEntry kChannels[] = {
    {"exploit", Exploit}, {"explore", Explore}, {"popularity", Popularity}, {"recent", Recent}};

}  // namespace

Result<std::vector<ChannelConfig>> ChannelConfig::ReadAll(Config& project) {
  std::vector<ChannelConfig> channels;
  for (Config& table : project.Tables("channel")) {
    ChannelConfig channel{table.String("name", ""), static_cast<int>(table.Integer("quota", 20, 0, 10000))};
    if (std::ranges::none_of(kChannels, [&](const ChannelEntry& e) { return channel.name == e.name; })) {
      table.Fail("name", "is '" + channel.name + "'; valid are exploit, explore, popularity, recent");
    }
    GFR_TRY(table.Finish());
    channels.push_back(std::move(channel));
  }
  if (channels.empty()) {
    for (const ChannelEntry& entry : kChannels) channels.push_back({entry.name, 20});
  }
  return channels;
}

std::vector<Candidate> Retrieve(const OnlineStore& store, const std::vector<ChannelConfig>& channels, Key user,
                                std::int64_t, const std::unordered_set<Key>& exclude, Rng& rng) {
  std::vector<Candidate> candidates;
  std::unordered_set<Key> taken = exclude;
  for (const ChannelConfig& channel : channels) {
    const auto entry = std::ranges::find_if(kChannels, [&](const ChannelEntry& e) { return channel.name == e.name; });
    std::vector<Scored> scored = entry->find({store, user, rng});
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

}  // namespace gfr
