#include "retrieve/explore.h"

#include <algorithm>
#include <array>
#include <bit>
#include <unordered_map>
#include <utility>

#include "retrieve/lists_codec.h"

namespace gfr {
namespace {

constexpr std::size_t kClasses = 33;  // n = 1 + impressions is at most 2^32.

// Keys and counts apart: 12 bytes an item.
struct Class {
  std::vector<Key> keys;  // Rising.
  std::vector<std::uint32_t> impressions;
  void Add(Key key, std::uint32_t shown) {
    keys.push_back(key);
    impressions.push_back(shown);
  }
};

// The least impressions of a class; the most are twice that.
std::uint64_t LeastOf(std::size_t c) { return (std::uint64_t{1} << c) - 1; }

std::size_t ClassOf(std::uint32_t impressions) {
  return static_cast<std::size_t>(std::bit_width(std::uint64_t{impressions} + 1) - 1);
}

// The part of a class that is left to a request: a shuffle (Fisher and Yates) of which only what moved is kept.
class Remaining {
 public:
  explicit Remaining(std::size_t size) : size_(size) {}
  std::size_t size() const { return size_; }
  std::size_t At(std::size_t slot) const {
    const auto moved = moved_.find(slot);
    return moved == moved_.end() ? slot : moved->second;
  }
  void Remove(std::size_t slot) {
    --size_;
    moved_[slot] = At(size_);
  }

 private:
  std::size_t size_;
  std::unordered_map<std::size_t, std::size_t> moved_;
};

class ExploreLists final : public SourceLists {
 public:
  explicit ExploreLists(std::array<Class, kClasses> classes) : classes_(std::move(classes)) {}

  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override {
    std::vector<Remaining> left;
    std::uint64_t total = 0;  // Of the classes' sizes, each times 2^(32 - class).
    for (std::size_t c = 0; c < kClasses; ++c) {
      left.emplace_back(classes_[c].keys.size());
      total += std::uint64_t{left[c].size()} << (kClasses - 1 - c);
    }
    std::vector<Key> drawn;
    while (drawn.size() < quota && total > 0) {
      std::uint64_t at = query.rng.Below(total);
      std::size_t c = 0;
      for (; at >= std::uint64_t{left[c].size()} << (kClasses - 1 - c); ++c)
        at -= std::uint64_t{left[c].size()} << (kClasses - 1 - c);
      const std::size_t slot = at >> (kClasses - 1 - c), index = left[c].At(slot);
      const Key key = classes_[c].keys[index];
      const bool taken = set.Has(key);
      if (!taken && query.rng.Below(std::uint64_t{classes_[c].impressions[index]} + 1) >= std::uint64_t{1} << c)
        continue;
      left[c].Remove(slot);
      total -= std::uint64_t{1} << (kClasses - 1 - c);
      if (!taken) drawn.push_back(key);
    }
    return drawn;
  }

  std::size_t memory_bytes() const override {
    std::size_t bytes = 0;
    for (const Class& c : classes_)
      bytes += c.keys.capacity() * sizeof(Key) + c.impressions.capacity() * sizeof(std::uint32_t);
    return bytes;
  }
  // None: any item of the catalogue may be drawn.
  void AppendFirst(const SharedState&, std::size_t, std::vector<Key>*) const override {}
  void AppendAll(const SharedState&, std::vector<Key>* items) const override {
    for (const Class& c : classes_) items->insert(items->end(), c.keys.begin(), c.keys.end());
  }
  // Items by their distance in the table of items from the one before, and how much their impressions are over the
  // least of the class: both are small numbers.
  void Encode(ListsWriter* out) const override {
    for (std::size_t c = 0; c < kClasses; ++c) {
      out->out.Varint(classes_[c].keys.size());
      std::size_t before = 0;
      for (std::size_t i = 0; i < classes_[c].keys.size(); ++i) {
        const std::size_t place = out->items.PlaceOf(classes_[c].keys[i]);
        out->out.Varint(place - before);
        out->out.Varint(classes_[c].impressions[i] - LeastOf(c));
        before = place;
      }
    }
  }
  const std::array<Class, kClasses>& classes() const { return classes_; }

 private:
  const std::array<Class, kClasses> classes_;
};

std::array<Class, kClasses> DecodeClasses(ListsReader* in) {
  std::array<Class, kClasses> classes;
  for (std::size_t c = 0; c < kClasses; ++c) {
    const std::size_t count = in->in.Count(2);
    std::uint64_t place = 0;
    for (std::size_t i = 0; i < count && !in->in.bad; ++i) {
      const std::uint64_t apart = in->in.Varint(), over = in->in.Varint();
      place += apart;
      in->in.bad = in->in.bad || (i > 0 && apart == 0) || apart > in->items.keys.size() ||
                   place >= in->items.keys.size() || over > LeastOf(c) || LeastOf(c) + over > UINT32_MAX;
      if (!in->in.bad) classes[c].Add(in->items.keys[place], static_cast<std::uint32_t>(LeastOf(c) + over));
    }
  }
  return classes;
}

using Shown = std::pair<Key, std::uint32_t>;  // An item and its impressions.

// The first place from `from` on whose key is not below `key`, by steps that double: what is near is found in few.
std::size_t LowerBoundFrom(const std::vector<Key>& keys, std::size_t from, Key key) {
  std::size_t step = 1;
  while (from + step < keys.size() && keys[from + step] < key) step *= 2;
  const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(from + step / 2);
  const auto end = keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), from + step + 1));
  return static_cast<std::size_t>(std::lower_bound(begin, end, key) - keys.begin());
}

// `old` without the items of `changed` (rising keys), and with `added` (likewise, all of them changed). Few items
// change, so that runs between two of them are copied whole.
Class Merge(const Class& old, const std::vector<Shown>& changed, const std::vector<Shown>& added) {
  if (changed.empty()) return old;
  Class merged;
  merged.keys.reserve(old.keys.size() + added.size());
  merged.impressions.reserve(old.keys.size() + added.size());
  std::size_t from = 0;
  const auto copy_to = [&](std::size_t end) {
    merged.keys.insert(merged.keys.end(), old.keys.data() + from, old.keys.data() + end);
    merged.impressions.insert(merged.impressions.end(), old.impressions.data() + from, old.impressions.data() + end);
    from = end;
  };
  auto next = added.begin();
  for (const Shown& item : changed) {
    copy_to(LowerBoundFrom(old.keys, from, item.first));
    if (from < old.keys.size() && old.keys[from] == item.first) ++from;
    for (; next != added.end() && next->first == item.first; ++next) merged.Add(next->first, next->second);
  }
  copy_to(old.keys.size());
  return merged;
}

}  // namespace

std::shared_ptr<const SourceLists> ExploreSource::Update(std::shared_ptr<const SourceLists> before,
                                                         const CatalogueChanges& changes) const {
  std::vector<Shown> changed, on_sale;
  const auto note = [&](std::uint32_t, Key key, const std::byte* row) {
    changed.push_back({key, SharedState::Summary(row).impressions});
    if (changes.IsOnSale(row)) on_sale.push_back(changed.back());
  };
  if (before)
    changes.ForEachChanged(note);
  else
    changes.ForEachItem(note);
  if (before && changed.empty()) return before;
  std::ranges::sort(changed);
  std::ranges::sort(on_sale);
  std::array<std::vector<Shown>, kClasses> added;
  for (const Shown& item : on_sale) added[ClassOf(item.second)].push_back(item);
  static const std::array<Class, kClasses> kNone;
  const auto& old = before ? static_cast<const ExploreLists&>(*before).classes() : kNone;
  std::array<Class, kClasses> classes;
  for (std::size_t c = 0; c < kClasses; ++c) classes[c] = Merge(old[c], changed, added[c]);
  return std::make_shared<ExploreLists>(std::move(classes));
}

std::shared_ptr<const SourceLists> ExploreSource::Decode(ListsReader* in) const {
  return std::make_shared<ExploreLists>(DecodeClasses(in));
}

}  // namespace gfr
