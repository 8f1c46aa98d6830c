#include "index/read_interactions.h"

#include <algorithm>
#include <utility>

#include "dataset/left_out.h"
#include "event/alias_history.h"
#include "retrieve/embedding_index.h"

namespace gfr {
namespace {

// Weights are whole numbers of this unit, so that their sums are exact in any order.
constexpr double kUnit = 1.0 / 1024;

struct Pair {
  Key user, item;
  std::uint64_t weight;
  friend bool operator<(const Pair& a, const Pair& b) { return a.user != b.user ? a.user < b.user : a.item < b.item; }
};

constexpr std::uint32_t kInteractions = TypeBit(EventType::kFeedClick) | TypeBit(EventType::kItemView) |
                                        TypeBit(EventType::kCartAdd) | TypeBit(EventType::kPurchase);
constexpr std::size_t kMergeAt = 1 << 22;  // Pairs that may wait for equal ones to be added up.

// Sorted, each user and item once.
void Merge(std::vector<Pair>* pairs) {
  std::sort(pairs->begin(), pairs->end());
  std::size_t kept = 0;
  for (const Pair& pair : *pairs) {
    if (kept > 0 && (*pairs)[kept - 1].user == pair.user && (*pairs)[kept - 1].item == pair.item)
      (*pairs)[kept - 1].weight += pair.weight;
    else
      (*pairs)[kept++] = pair;
  }
  pairs->resize(kept);
}

// The items, and how many were too many: those with the fewest users are left out.
std::size_t ItemsOf(const std::vector<Pair>& pairs, std::vector<Key>* items) {
  std::vector<Key> all;
  all.reserve(pairs.size());
  for (const Pair& pair : pairs) all.push_back(pair.item);
  std::sort(all.begin(), all.end());
  std::vector<std::pair<std::size_t, Key>> users;
  for (std::size_t i = 0; i < all.size();) {
    const std::size_t begin = i;
    while (i < all.size() && all[i] == all[begin]) ++i;
    users.emplace_back(i - begin, all[begin]);
  }
  const std::size_t most = std::min(users.size(), EmbeddingIndex::kMostItems), left = users.size() - most;
  if (left > 0) {
    std::ranges::nth_element(
        users, users.begin() + static_cast<std::ptrdiff_t>(most) - 1,
        [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    users.resize(most);
  }
  for (const auto& [count, item] : users) items->push_back(item);
  std::ranges::sort(*items);
  return left;
}

void Fill(const std::vector<Pair>& pairs, Interactions* out) {
  out->begins.push_back(0);
  for (const Pair& pair : pairs) {
    const auto at = std::ranges::lower_bound(out->items, pair.item);
    if (at == out->items.end() || *at != pair.item) continue;
    if (out->users.empty() || out->users.back() != pair.user) {
      out->users.push_back(pair.user);
      out->begins.push_back(out->entries.size());
    }
    out->entries.push_back({static_cast<std::uint32_t>(at - out->items.begin()),
                            static_cast<float>(static_cast<double>(pair.weight) * kUnit)});
    out->begins.back() = out->entries.size();
  }
}

}  // namespace

Result<ReadInteractionsResult> ReadInteractions(EventSource& log, const IndexConfig& config,
                                                const LeaveOutConfig& leave_out, const AliasRule& rule) {
  ReadInteractionsResult read;
  AliasHistory people(rule);
  GFR_TRY(ForEachRecord(log, TypeBit(EventType::kUserAlias) | kInteractions, [&](const LogRecord& r) {
    if (r.event.type == EventType::kUserAlias) people.Join(r.event, r.offset);
    read.last_arrival_ms = std::max(read.last_arrival_ms, r.arrival_ms);
    return Status();
  }));
  std::shared_ptr<const LeftOut> left_out;
  if (leave_out.robots || !leave_out.users.empty()) {
    GFR_ASSIGN(left_out, LeftOut::Find(log, people, leave_out));
  }
  std::vector<Pair> pairs;
  std::size_t merge_at = kMergeAt;
  GFR_TRY(ForEachRecord(log, kInteractions, [&](const LogRecord& r) {
    const auto weight = static_cast<std::uint64_t>(config.weights.Of(r.event.type) / kUnit + 0.5);
    const Key person = people.PersonOf(r.event, r.offset);
    if (weight == 0 || person == 0 || r.arrival_ms < read.last_arrival_ms - config.window_ms ||
        (left_out && left_out->Why(person) != nullptr))
      return Status();
    ++read.events;
    for (const EventItem& item : r.event.items) pairs.push_back({person, KeyOf(item.item_id), weight});
    if (pairs.size() >= merge_at) {
      Merge(&pairs);
      merge_at = std::max(kMergeAt, 2 * pairs.size());
    }
    return Status();
  }));
  Merge(&pairs);
  read.items_left_out = ItemsOf(pairs, &read.interactions.items);
  Fill(pairs, &read.interactions);
  return read;
}

}  // namespace gfr
