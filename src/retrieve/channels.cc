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
  const Pin& pin;
  std::span<const Key> recent;
  Rng& rng;
};

// Every item that the pin sees.
template <typename F>
void ForEachItem(const Context& c, F&& each) {
  const SharedState& shared = c.store.shared();
  for (std::uint32_t id = 0; id < shared.item_count(); ++id) {
    if (const std::byte* row = shared.item_row(id, c.pin)) each(shared.item_key(id), row);
  }
}

double PopularityNow(const Context& c, const std::byte* row) {
  const ItemSummary& item = SharedState::Summary(row);
  const double age_ms = static_cast<double>(std::max<std::int64_t>(0, c.pin.bound() - item.popularity_ms));
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
  for (std::size_t i = 0; i < std::min<std::size_t>(c.recent.size(), 8); ++i) {
    const std::byte* row = c.recent[i] != 0 ? shared.FindItem(c.recent[i], c.pin) : nullptr;
    if (row) touched.push_back(row);
  }
  std::vector<Scored> scored;
  ForEachItem(c, [&](Key key, const std::byte* row) {
    double similarity = 0;
    for (std::size_t i = 0; i < touched.size(); ++i) {
      similarity += (touched[i] == row ? 2.0
                                       : Similarity(c.store.features().schema, shared.Properties(row),
                                                    shared.Properties(touched[i]))) /
                    static_cast<double>(1 + i);
    }
    if (similarity > 0) scored.push_back({similarity * Log2(2.0 + PopularityNow(c, row)), key});
  });
  return scored;
}

std::vector<Scored> Popularity(const Context& c) {
  std::vector<Scored> scored;
  ForEachItem(c, [&](Key key, const std::byte* row) { scored.push_back({PopularityNow(c, row), key}); });
  return scored;
}

std::vector<Scored> Explore(const Context& c) {
  // In key order, so that a seed draws the same items whatever the table's order; exponential keys: Efraimidis and
  // Spirakis, 2006.
  std::vector<std::pair<Key, const std::byte*>> order;
  ForEachItem(c, [&](Key key, const std::byte* row) { order.push_back({key, row}); });
  std::ranges::sort(order);
  std::vector<Scored> scored;
  for (const auto& [key, row] : order)
    scored.push_back({-c.rng.Exponential(1.0 + SharedState::Summary(row).impressions), key});
  return scored;
}

std::vector<Scored> Recent(const Context& c) {
  const SharedState& shared = c.store.shared();
  const int released = c.store.features().schema.FindItem("released");
  std::vector<Scored> scored;
  ForEachItem(c, [&](Key key, const std::byte* row) {
    double at_s = static_cast<double>(SharedState::Summary(row).first_seen_ms) / 1000.0;
    if (released >= 0) {
      const double released_s = shared.Properties(row)[static_cast<std::size_t>(released)].number;
      if (!std::isnan(released_s)) at_s = released_s;
    }
    scored.push_back({at_s, key});
  });
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

Result<std::vector<ChannelConfig>> ReadChannels(Config& project) {
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

std::vector<Candidate> Retrieve(const OnlineStore& store, const Pin& shared, const std::vector<ChannelConfig>& channels,
                                std::span<const Key> recent, const std::unordered_set<Key>& exclude, Rng& rng) {
  std::vector<Candidate> candidates;
  std::unordered_set<Key> taken = exclude;
  for (const ChannelConfig& channel : channels) {
    const auto entry = std::ranges::find_if(kChannels, [&](const ChannelEntry& e) { return channel.name == e.name; });
    std::vector<Scored> scored = entry->find({store, shared, recent, rng});
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
