#include "retrieve/explore.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "retrieve/lists_codec.h"

namespace gfr {
namespace {

constexpr std::size_t kClasses = 33;  // n = 1 + impressions is at most 2^32.

// The least impressions of a class; the most are twice that.
std::uint64_t LeastOf(std::size_t c) { return (std::uint64_t{1} << c) - 1; }

std::size_t ClassOf(std::uint32_t impressions) {
  return static_cast<std::size_t>(std::bit_width(std::uint64_t{impressions} + 1) - 1);
}

// Keys, and what impressions are over the least of the class, apart: 8 bytes an item that was never shown, 9 of one
// that was shown at most 510 times.
class Class {
 public:
  explicit Class(std::size_t c)
      : least_(LeastOf(c)),
        width_(c == 0    ? 0
               : c <= 8  ? 1
               : c <= 16 ? 2
                         : sizeof(std::uint32_t)) {}

  const std::vector<Key>& keys() const { return keys_; }  // Rising.
  std::uint32_t ImpressionsAt(std::size_t i) const {
    std::uint32_t over = 0;  // Of little-endian machines, as all files of this module.
    if (width_ > 0) std::memcpy(&over, over_.data() + i * width_, width_);
    return static_cast<std::uint32_t>(least_ + over);
  }
  void Reserve(std::size_t items) {
    keys_.reserve(items);
    over_.reserve(items * width_);
  }
  void Add(Key key, std::uint32_t impressions) {
    keys_.push_back(key);
    const auto over = static_cast<std::uint32_t>(impressions - least_);
    const auto* bytes = reinterpret_cast<const std::byte*>(&over);
    over_.insert(over_.end(), bytes, bytes + width_);
  }
  // Those at [begin, end) of one of the same class.
  void AddAll(const Class& other, std::size_t begin, std::size_t end) {
    keys_.insert(keys_.end(), other.keys_.data() + begin, other.keys_.data() + end);
    over_.insert(over_.end(), other.over_.data() + begin * width_, other.over_.data() + end * width_);
  }
  std::size_t memory_bytes() const { return keys_.capacity() * sizeof(Key) + over_.capacity(); }

 private:
  std::uint64_t least_;
  std::size_t width_;  // Bytes of each entry of over_.
  std::vector<Key> keys_;
  std::vector<std::byte> over_;
};

std::vector<Class> NoClasses() {
  std::vector<Class> classes;
  for (std::size_t c = 0; c < kClasses; ++c) classes.emplace_back(c);
  return classes;
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
  explicit ExploreLists(std::vector<Class> classes) : classes_(std::move(classes)) {}

  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override {
    std::vector<Remaining> left;
    std::uint64_t total = 0;  // Of the classes' sizes, each times 2^(32 - class).
    for (std::size_t c = 0; c < kClasses; ++c) {
      left.emplace_back(classes_[c].keys().size());
      total += std::uint64_t{left[c].size()} << (kClasses - 1 - c);
    }
    std::vector<Key> drawn;
    while (drawn.size() < quota && total > 0) {
      std::uint64_t at = query.rng.Below(total);
      std::size_t c = 0;
      for (; at >= std::uint64_t{left[c].size()} << (kClasses - 1 - c); ++c)
        at -= std::uint64_t{left[c].size()} << (kClasses - 1 - c);
      const std::size_t slot = at >> (kClasses - 1 - c), index = left[c].At(slot);
      const Key key = classes_[c].keys()[index];
      const bool taken = set.Has(key);
      if (!taken && query.rng.Below(std::uint64_t{classes_[c].ImpressionsAt(index)} + 1) >= std::uint64_t{1} << c)
        continue;
      left[c].Remove(slot);
      total -= std::uint64_t{1} << (kClasses - 1 - c);
      if (!taken) drawn.push_back(key);
    }
    return drawn;
  }

  std::size_t memory_bytes() const override {
    std::size_t bytes = 0;
    for (const Class& c : classes_) bytes += c.memory_bytes();
    return bytes;
  }
  // None: any item of the catalogue may be drawn.
  void AppendFirst(const SharedState&, std::size_t, std::vector<Key>*) const override {}
  void AppendAll(const SharedState&, std::vector<Key>* items) const override {
    for (const Class& c : classes_) items->insert(items->end(), c.keys().begin(), c.keys().end());
  }
  // Items by their distance in the table of items from the one before, and how much their impressions are over the
  // least of the class: both are small numbers.
  void Encode(ListsWriter* out) const override {
    for (std::size_t c = 0; c < kClasses; ++c) {
      out->out.Varint(classes_[c].keys().size());
      std::size_t before = 0;
      for (std::size_t i = 0; i < classes_[c].keys().size(); ++i) {
        const std::size_t place = out->items.PlaceOf(classes_[c].keys()[i]);
        out->out.Varint(place - before);
        out->out.Varint(classes_[c].ImpressionsAt(i) - LeastOf(c));
        before = place;
      }
    }
  }
  const std::vector<Class>& classes() const { return classes_; }

 private:
  const std::vector<Class> classes_;  // kClasses.
};

std::vector<Class> DecodeClasses(ListsReader* in) {
  std::vector<Class> classes = NoClasses();
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

// `old`, of class c, without the items of `changed` (rising keys), and with `added` (likewise, all of them changed).
// Few items change, so that runs between two of them are copied whole.
Class Merge(std::size_t c, const Class& old, const std::vector<Shown>& changed, const std::vector<Shown>& added) {
  if (changed.empty()) return old;
  Class merged(c);
  const std::vector<Key>& keys = old.keys();
  merged.Reserve(keys.size() + added.size());
  std::size_t from = 0;
  const auto copy_to = [&](std::size_t end) {
    merged.AddAll(old, from, end);
    from = end;
  };
  auto next = added.begin();
  for (const Shown& item : changed) {
    copy_to(LowerBoundFrom(keys, from, item.first));
    if (from < keys.size() && keys[from] == item.first) ++from;
    for (; next != added.end() && next->first == item.first; ++next) merged.Add(next->first, next->second);
  }
  copy_to(keys.size());
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
  const std::vector<Class> none = NoClasses();
  const auto& old = before ? static_cast<const ExploreLists&>(*before).classes() : none;
  std::vector<Class> classes;
  classes.reserve(kClasses);
  for (std::size_t c = 0; c < kClasses; ++c) classes.push_back(Merge(c, old[c], changed, added[c]));
  return std::make_shared<ExploreLists>(std::move(classes));
}

std::shared_ptr<const SourceLists> ExploreSource::Decode(ListsReader* in) const {
  return std::make_shared<ExploreLists>(DecodeClasses(in));
}

}  // namespace gfr
