#include "retrieve/cooccurrence.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/time.h"
#include "retrieve/key_search.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRCOOC1";
constexpr std::size_t kHeadBytes = 12;  // Magic, checksum of what follows.

std::size_t KindOf(EventType type) {
  if (type == EventType::kCartAdd) return static_cast<std::size_t>(Together::kCarts);
  if (type == EventType::kPurchase) return static_cast<std::size_t>(Together::kPurchases);
  return static_cast<std::size_t>(Together::kViews);
}

// SimilarItem::score of two items that were met so often, and so often together. Each counts as met at least as often
// as together.
double ScoreOf(std::uint32_t count, std::uint32_t of_a, std::uint32_t of_b) {
  const double together = count, a = std::max(of_a, count), b = std::max(of_b, count);
  return together / std::sqrt(a * b) * (together / (together + SimilarItem::kShrink));
}

// Leaves the best kMost, best first. Each one's rank is counted: of so few, and in no order at all, that takes a third
// of what sorting them takes, whose every comparison a processor would guess wrong half the time.
void KeepBest(std::vector<CooccurrenceLists::Near>* near) {
  constexpr std::size_t kAll = 32;  // As many as CooccurrenceCounts keeps of an item.
  std::array<std::uint64_t, kAll>
      order;  // Greater is better: scores are above 0, so that their bits are in their order.
  std::array<std::uint32_t, kAll> rank{};
  const std::size_t size = near->size();
  for (std::size_t i = 0; i < size; ++i)
    order[i] = std::uint64_t{std::bit_cast<std::uint32_t>((*near)[i].score)} << 32 | (0xffffffffu - (*near)[i].place);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::uint32_t is_better = order[i] > order[j];
      rank[i] += 1 - is_better;
      rank[j] += is_better;
    }
  }
  std::array<CooccurrenceLists::Near, kAll> ranked;
  for (std::size_t i = 0; i < size; ++i) ranked[rank[i]] = (*near)[i];
  near->assign(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(std::min(size, CooccurrenceLists::kMost)));
}

}  // namespace

std::span<const CooccurrenceLists::Near> CooccurrenceLists::Of(Key item) const {
  const std::size_t at = PlaceAmongHashes(keys_, item);
  return at == keys_.size() || keys_[at] != item ? std::span<const Near>() : At(at);
}

CooccurrenceCounts::User& CooccurrenceCounts::UserOf(Key key, std::int64_t time_ms) {
  const auto known = user_of_.find(key);
  std::uint32_t at;
  if (known != user_of_.end()) {
    at = known->second;
    if (time_ms - users_[at].last_ms > kForgetMs) {
      for (auto& last : users_[at].last) last.fill(kNoItem);
    }
  } else {
    if (users_.size() < limits_.users) {
      at = static_cast<std::uint32_t>(users_.size());
      users_.emplace_back();
    } else {
      at = static_cast<std::uint32_t>(oldest_);
      oldest_ = (oldest_ + 1) % users_.size();
      user_of_.erase(users_[at].key);
      users_[at] = {};
    }
    user_of_.emplace(key, at);
    users_[at].key = key;
    for (auto& last : users_[at].last) last.fill(kNoItem);
  }
  User& user = users_[at];
  user.last_ms = std::max(user.last_ms, time_ms);
  const auto day = static_cast<std::uint32_t>(time_ms / kDayMs);
  if (user.day != day) user.today = 0;
  user.day = day;
  return user;
}

void CooccurrenceCounts::Fold(const LogRecord& record) {
  next_offset_ = record.offset + 1;
  const Event& event = record.event;
  if ((kTypes >> static_cast<unsigned>(event.type) & 1u) == 0) return;
  if (event.type == EventType::kUserAlias) return Join(record);
  const Key owner = people_.Of(event);
  if (owner == 0) return;
  for (const EventItem& item : event.items) {
    // Anew for each: when items are forgotten, users' last ones change.
    User& user = UserOf(owner, record.arrival_ms);
    if (++user.today > kMostADay) return;
    Note(KindOf(event.type), KeyOf(item.item_id), user);
  }
}

// What the device came to last is what the person came to last; the device's are the newer ones.
void CooccurrenceCounts::Join(const LogRecord& alias) {
  const AliasStep step = people_.Join(alias.event);
  const auto device = user_of_.find(step.from);
  if (step.from == 0 || step.to == 0 || device == user_of_.end()) return;
  auto newer = users_[device->second].last;
  for (auto& last : users_[device->second].last) last.fill(kNoItem);
  User& user = UserOf(step.to, alias.arrival_ms);
  for (std::size_t kind = 0; kind < kTogetherKinds; ++kind) {
    auto free = std::ranges::find(newer[kind], kNoItem);
    for (const std::uint32_t item : user.last[kind]) {
      if (item == kNoItem || free == newer[kind].end()) break;
      if (std::ranges::find(newer[kind], item) == newer[kind].end()) *free++ = item;
    }
    user.last[kind] = newer[kind];
  }
}

void CooccurrenceCounts::Note(std::size_t kind, Key item, User& user) {
  const std::uint32_t at = ItemOf(item);
  auto& last = user.last[kind];
  auto place = std::ranges::find(last, at);
  const bool again = place != last.end();
  if (!again) {
    ++items_[at].met[kind];
    ++met_[kind];
    for (const std::uint32_t other : last) {
      if (other == kNoItem) break;
      Meet(kind, at, other);
      Meet(kind, other, at);
    }
    --place;
  }
  std::move_backward(last.begin(), place, place + 1);
  last[0] = at;
}

void CooccurrenceCounts::Meet(std::size_t kind, std::uint32_t item, std::uint32_t other) {
  const std::span<Neighbour> all = std::span(items_[item].neighbours).subspan(kFirst[kind], kNeighbours[kind]);
  Neighbour* least = &all[0];
  for (Neighbour& one : all) {
    if (one.count > 0 && one.item == other) {
      ++one.count;
      return;
    }
    if (one.count < least->count) least = &one;
  }
  if (least->count == 0) {  // An empty place.
    *least = {other, 1};
    return;
  }
  if (--least->count > 0) return;
  // The new one stands behind the others, so that of equal ones the oldest goes next. In the place of the one that went
  // it would be the next to go itself: a full row would hardly ever take anything new.
  std::move(least + 1, all.data() + all.size(), least);
  all.back() = {other, 1};
}

std::uint32_t CooccurrenceCounts::ItemOf(Key key) {
  if (const auto known = item_of_.find(key); known != item_of_.end()) return known->second;
  if (items_.size() >= limits_.items) ForgetItems();
  const auto at = static_cast<std::uint32_t>(items_.size());
  items_.emplace_back().key = key;
  item_of_.emplace(key, at);
  return at;
}

// Keeps the half of the items that were met most.
void CooccurrenceCounts::ForgetItems() {
  std::vector<std::uint32_t> order(items_.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto rank = [&](std::uint32_t i) {
    const auto& met = items_[i].met;
    return std::tuple(-static_cast<std::int64_t>(met[0]) - met[1] - met[2], items_[i].key);
  };
  std::ranges::sort(order, {}, rank);
  order.resize(items_.size() / 2);
  std::vector<std::uint32_t> now(items_.size(), kNoItem);
  std::vector<Item> kept;
  kept.reserve(order.size());
  for (const std::uint32_t i : order) {
    now[i] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(items_[i]);
  }
  for (Item& item : kept) {
    for (Neighbour& neighbour : item.neighbours) {
      if (neighbour.count > 0) neighbour.item = now[neighbour.item];
      if (neighbour.count > 0 && neighbour.item == kNoItem) neighbour = {};
    }
  }
  for (User& user : users_) {
    for (auto& last : user.last) {
      for (std::uint32_t& item : last) item = item == kNoItem ? kNoItem : now[item];
      std::ranges::stable_partition(last, [](std::uint32_t item) { return item != kNoItem; });
    }
  }
  items_ = std::move(kept);
  item_of_.clear();
  for (std::size_t i = 0; i < items_.size(); ++i) item_of_.emplace(items_[i].key, static_cast<std::uint32_t>(i));
}

SimilarItem CooccurrenceCounts::Judge(std::size_t kind, const Item& item, const Neighbour& neighbour) const {
  const Item& other = items_[neighbour.item];
  const double together = neighbour.count;
  const double a = std::max(item.met[kind], neighbour.count), b = std::max(other.met[kind], neighbour.count);
  return {.item = other.key,
          .together = neighbour.count,
          .lift = together * static_cast<double>(met_[kind]) / (a * b),
          .score = ScoreOf(neighbour.count, item.met[kind], other.met[kind])};
}

std::vector<SimilarItem> CooccurrenceCounts::Similar(Key key, Together of) const {
  const auto known = item_of_.find(key);
  std::vector<SimilarItem> similar;
  if (known == item_of_.end()) return similar;
  const Item& item = items_[known->second];
  const auto kind = static_cast<std::size_t>(of);
  for (std::size_t n = 0; n < kNeighbours[kind]; ++n) {
    const Neighbour& neighbour = item.neighbours[kFirst[kind] + n];
    if (neighbour.count > 0) similar.push_back(Judge(kind, item, neighbour));
  }
  std::ranges::sort(similar, [](const SimilarItem& a, const SimilarItem& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  });
  return similar;
}

// One pass over the counts: what is read of a neighbour lies in one run of 16 bytes an item, which caches hold, since
// the neighbours of all items together are a random walk over them.
std::shared_ptr<const CooccurrenceLists> CooccurrenceCounts::MakeLists() const {
  std::vector<std::pair<Key, std::uint32_t>> order;
  order.reserve(items_.size());
  for (std::uint32_t i = 0; i < items_.size(); ++i) order.emplace_back(items_[i].key, i);
  std::sort(order.begin(), order.end());
  std::vector<Met> met(items_.size());
  std::vector<Key> keys;
  keys.reserve(order.size());
  for (const auto& [key, i] : order) {
    met[i] = {static_cast<std::uint32_t>(keys.size()), items_[i].met};
    keys.push_back(key);
  }
  std::vector<std::uint32_t> ends;
  ends.reserve(order.size());
  std::vector<CooccurrenceLists::Near> near, own;
  near.reserve(order.size() * CooccurrenceLists::kMost);
  constexpr std::size_t kAhead = 8;  // Items that are asked of memory before they are read.
  for (std::size_t at = 0; at < order.size(); ++at) {
    if (at + kAhead < order.size()) {
      const auto* next = reinterpret_cast<const std::byte*>(&items_[order[at + kAhead].second]);
      for (std::size_t byte = 0; byte < sizeof(Item); byte += 64) __builtin_prefetch(next + byte);
    }
    NearOf(order[at].second, met, &own);
    near.insert(near.end(), own.begin(), own.end());
    ends.push_back(static_cast<std::uint32_t>(near.size()));
  }
  if (near.capacity() - near.size() > near.size() / 16) near.shrink_to_fit();
  return std::make_shared<CooccurrenceLists>(std::move(keys), std::move(ends), std::move(near));
}

// The neighbours of an item, all kinds together: the best ones, best first.
void CooccurrenceCounts::NearOf(std::uint32_t at, std::span<const Met> met,
                                std::vector<CooccurrenceLists::Near>* near) const {
  const Item& item = items_[at];
  near->clear();
  for (std::size_t kind = 0; kind < kTogetherKinds; ++kind) {
    const std::size_t before = near->size();  // Of one kind no neighbour is named twice.
    for (std::size_t n = 0; n < kNeighbours[kind]; ++n) {
      const Neighbour& neighbour = item.neighbours[kFirst[kind] + n];
      if (neighbour.count == 0) continue;
      const Met& other = met[neighbour.item];
      const auto score = static_cast<float>(CooccurrenceLists::kWeights[kind] *
                                            ScoreOf(neighbour.count, item.met[kind], other.met[kind]));
      const auto end = near->begin() + static_cast<std::ptrdiff_t>(before);
      const auto same = std::find_if(near->begin(), end, [&](const auto& one) { return one.place == other.place; });
      if (same != end)
        same->score += score;
      else
        near->push_back({other.place, score});
    }
  }
  KeepBest(near);
}

std::size_t CooccurrenceCounts::memory_bytes() const {
  constexpr std::size_t kMapEntry = 40;  // A node and its bucket.
  return items_.capacity() * sizeof(Item) + users_.capacity() * sizeof(User) +
         (item_of_.size() + user_of_.size()) * kMapEntry + people_.memory_bytes();
}

std::string CooccurrenceCounts::Encode() const {
  std::string body;
  ByteWriter w{&body};
  w.Varint(next_offset_);
  for (const std::uint64_t met : met_) w.Varint(met);
  w.Varint(items_.size());
  for (const Item& item : items_) {
    w.Number(item.key);
    for (const std::uint32_t met : item.met) w.Varint(met);
    for (const Neighbour& neighbour : item.neighbours) {
      w.Varint(neighbour.count);
      if (neighbour.count > 0) w.Varint(neighbour.item);
    }
  }
  w.Varint(users_.size());
  w.Varint(oldest_);
  for (const User& user : users_) {
    w.Number(user.key);
    w.Signed(user.last_ms);
    w.Varint(user.day);
    w.Varint(user.today);
    for (const auto& last : user.last) {
      const auto count = static_cast<std::size_t>(std::ranges::find(last, kNoItem) - last.begin());
      w.Varint(count);
      for (std::size_t i = 0; i < count; ++i) w.Varint(last[i]);
    }
  }
  people_.Encode(&w);
  std::string bytes(kMagic, 8);
  ByteWriter{&bytes}.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<CooccurrenceCounts> CooccurrenceCounts::Decode(std::string_view bytes, Limits limits,
                                                      const CountedPeople::Rules& rules) {
  const Error corrupt{ErrorCode::kCorrupt, "the counts of co-occurrence are not what was written"};
  ByteReader r{bytes};
  if (bytes.size() < kHeadBytes || r.Take(8) != std::string_view(kMagic, 8)) return corrupt;
  if (const auto crc = r.Number<std::uint32_t>(); crc != Crc32c(r.left.data(), r.left.size())) return corrupt;
  CooccurrenceCounts counts(limits, rules);
  counts.next_offset_ = r.Varint();
  for (std::uint64_t& met : counts.met_) met = r.Varint();
  const std::size_t items = r.Count(8 + kTogetherKinds + kAllNeighbours);
  if (items > limits.items) return corrupt;
  counts.items_.reserve(items);
  const auto index = [&] {
    const std::uint64_t item = r.Varint();
    r.bad = r.bad || item >= items;
    return static_cast<std::uint32_t>(item);
  };
  for (std::size_t i = 0; i < items && !r.bad; ++i) {
    Item& item = counts.items_.emplace_back();
    item.key = r.Number<Key>();
    for (std::uint32_t& met : item.met) met = static_cast<std::uint32_t>(r.Varint());
    for (Neighbour& neighbour : item.neighbours) {
      neighbour.count = static_cast<std::uint32_t>(r.Varint());
      if (neighbour.count > 0) neighbour.item = index();
    }
    r.bad = r.bad || !counts.item_of_.emplace(item.key, static_cast<std::uint32_t>(i)).second;
  }
  const std::size_t users = r.Count(8 + 3 + kTogetherKinds);
  counts.oldest_ = r.Varint();
  if (users > limits.users || (counts.oldest_ > 0 && counts.oldest_ >= users)) return corrupt;
  counts.users_.reserve(users);
  for (std::size_t u = 0; u < users && !r.bad; ++u) {
    User& user = counts.users_.emplace_back();
    user.key = r.Number<Key>();
    user.last_ms = r.Signed();
    user.day = static_cast<std::uint32_t>(r.Varint());
    user.today = static_cast<std::uint32_t>(r.Varint());
    for (auto& last : user.last) {
      last.fill(kNoItem);
      const std::uint64_t count = r.Varint();
      r.bad = r.bad || count > kLast;
      for (std::size_t i = 0; i < count && !r.bad; ++i) last[i] = index();
    }
    r.bad = r.bad || !counts.user_of_.emplace(user.key, static_cast<std::uint32_t>(u)).second;
  }
  if (r.bad || !counts.people_.Decode(&r) || !r.left.empty()) return corrupt;
  return counts;
}

}  // namespace gfr
