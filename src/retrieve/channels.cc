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

double PopularityNow(const SharedState& shared, const ItemSummary& item) {
  const double age_ms = static_cast<double>(std::max<std::int64_t>(0, shared.epoch_end_ms() - item.popularity_ms));
  return item.popularity > 0 ? item.popularity * Exp2(-age_ms / (24.0 * 3600 * 1000)) : 0.0;
}

// Shared categories, weighted by how near the prices are; by the prices alone when items have no categories.
double Similarity(const PropertySchema& schema, std::span<const PropertyValue> a, std::span<const PropertyValue> b) {
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

std::vector<Scored> Exploit(const Context& c) {
  const SharedState& shared = c.store.shared();
  std::vector<const std::byte*> touched;
  const std::span<const Key> recent = c.store.RecentItems(c.user);
  for (std::size_t i = 0; i < std::min<std::size_t>(recent.size(), 8); ++i) {
    if (const std::byte* row = shared.FindItem(recent[i])) touched.push_back(row);
  }
  std::vector<Scored> scored;
  for (std::size_t id = 0; id < shared.item_count(); ++id) {
    const std::byte* row = shared.item_row(id);
    double similarity = 0;
    for (std::size_t i = 0; i < touched.size(); ++i) {
      similarity += (touched[i] == row ? 2.0
                                       : Similarity(c.store.features().schema, shared.Properties(row),
                                                    shared.Properties(touched[i]))) /
                    static_cast<double>(1 + i);
    }
    if (similarity > 0)
      scored.push_back(
          {similarity * Log2(2.0 + PopularityNow(shared, SharedState::Summary(row))), shared.item_key(id)});
  }
  return scored;
}

std::vector<Scored> Popularity(const Context& c) {
  const SharedState& shared = c.store.shared();
  std::vector<Scored> scored;
  for (std::size_t id = 0; id < shared.item_count(); ++id)
    scored.push_back({PopularityNow(shared, SharedState::Summary(shared.item_row(id))), shared.item_key(id)});
  return scored;
}

std::vector<Scored> Explore(const Context& c) {
  // In key order, so that a seed draws the same items whatever the table's order; exponential keys: Efraimidis and
  // Spirakis, 2006.
  const SharedState& shared = c.store.shared();
  std::vector<std::pair<Key, std::size_t>> order;
  for (std::size_t id = 0; id < shared.item_count(); ++id) order.push_back({shared.item_key(id), id});
  std::ranges::sort(order);
  std::vector<Scored> scored;
  for (const auto& [key, id] : order)
    scored.push_back({-c.rng.Exponential(1.0 + SharedState::Summary(shared.item_row(id)).impressions), key});
  return scored;
}

std::vector<Scored> Recent(const Context& c) {
  const SharedState& shared = c.store.shared();
  const int released = c.store.features().schema.FindItem("released");
  std::vector<Scored> scored;
  for (std::size_t id = 0; id < shared.item_count(); ++id) {
    const std::byte* row = shared.item_row(id);
    double at_s = static_cast<double>(SharedState::Summary(row).first_seen_ms) / 1000.0;
    if (released >= 0) {
      const double released_s = shared.Properties(row)[static_cast<std::size_t>(released)].number;
      if (!std::isnan(released_s)) at_s = released_s;
    }
    scored.push_back({at_s, shared.item_key(id)});
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
