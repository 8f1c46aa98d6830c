#include "retrieve/category_lists.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "retrieve/item_prior.h"
#include "retrieve/lists_codec.h"

namespace gfr {
namespace {

bool HasCategories(const PropertySchema& schema) {
  return std::ranges::find(schema.item_categorical, true) != schema.item_categorical.end();
}

// Of prices from 2^octave on, below twice that.
Key OctaveList(double octave) { return PairKey(1, static_cast<Key>(static_cast<std::int64_t>(octave) + (1 << 20))); }

}  // namespace

void CategoryLists::ListsOf(const PropertySchema& schema, std::span<const PropertyValue> properties,
                            std::vector<Key>* lists) {
  lists->push_back(AllItems());
  if (HasCategories(schema)) return ListsNear(schema, properties, lists);
  if (properties[0].number > 0 && std::isfinite(properties[0].number))
    lists->push_back(OctaveList(std::floor(Log2(properties[0].number))));
}

void CategoryLists::ListsNear(const PropertySchema& schema, std::span<const PropertyValue> properties,
                              std::vector<Key>* lists) {
  if (HasCategories(schema)) {
    for (std::size_t p = 0; p < schema.item_names.size(); ++p) {
      if (schema.item_categorical[p] && properties[p].category != 0)
        lists->push_back(CategoryList(p, properties[p].category));
    }
    return;
  }
  if (!(properties[0].number > 0) || !std::isfinite(properties[0].number)) return;
  const double octave = std::floor(Log2(properties[0].number));
  for (const double beside : {0.0, -1.0, 1.0}) lists->push_back(OctaveList(octave + beside));
}

std::shared_ptr<const CategoryLists> CategoryLists::Make(const CatalogueChanges& changes) {
  std::vector<Added> all;
  std::vector<Key> lists;
  changes.ForEachItem([&](std::uint32_t id, Key, const std::byte* row) {
    lists.clear();
    ListsOf(changes.schema, changes.shared.Properties(row), &lists);
    for (const Key list : lists) all.push_back({list, {static_cast<float>(ItemPriorRank(row)), id}});
  });
  CategoryLists none;
  none.Finish();
  return none.Merge(std::move(all), [](std::uint32_t) { return false; }, {});
}

std::shared_ptr<const CategoryLists> CategoryLists::Update(const CatalogueChanges& changes) const {
  std::vector<Added> added;
  std::vector<Key> lists;
  std::vector<bool> changed(changes.shared.item_count());
  changes.ForEachChanged([&](std::uint32_t id, Key, const std::byte* row) {
    changed[id] = true;
    if (!changes.IsOnSale(row)) return;
    lists.clear();
    ListsOf(changes.schema, changes.shared.Properties(row), &lists);
    for (const Key list : lists) added.push_back({list, {static_cast<float>(ItemPriorRank(row)), id}});
  });
  std::shared_ptr<CategoryLists> merged = Merge(std::move(added), [&](std::uint32_t id) { return changed[id]; }, {});
  std::vector<Key> poor;
  for (std::size_t i = 0; i < merged->lists_.size(); ++i) {
    if (merged->cut_[i] && merged->At(i).size() < kLeast) poor.push_back(merged->lists_[i]);
  }
  if (poor.empty()) return merged;
  std::vector<Added> again;
  changes.ForEachItem([&](std::uint32_t id, Key, const std::byte* row) {
    lists.clear();
    ListsOf(changes.schema, changes.shared.Properties(row), &lists);
    for (const Key list : lists) {
      if (std::ranges::binary_search(poor, list)) again.push_back({list, {static_cast<float>(ItemPriorRank(row)), id}});
    }
  });
  return merged->Merge(
      std::move(again), [](std::uint32_t) { return false; }, poor);
}

// These lists without the entries that are `gone` and without those of the lists `made_anew` (rising), and with
// `added`.
template <typename Gone>
std::shared_ptr<CategoryLists> CategoryLists::Merge(std::vector<Added> added, Gone&& gone,
                                                    std::span<const Key> made_anew) const {
  std::sort(added.begin(), added.end());
  auto merged = std::make_shared<CategoryLists>();
  merged->left_out_ = left_out_;
  merged->entries_.reserve(std::min(entries_.size() + added.size(), kMaxEntries));
  std::vector<Entry> entries;
  std::size_t old = 0;
  auto next = added.begin();
  while (old < lists_.size() || next != added.end()) {
    const Key list = old == lists_.size()  ? next->list
                     : next == added.end() ? lists_[old]
                                           : std::min(lists_[old], next->list);
    entries.clear();
    bool cut = false;
    Entry last{};
    std::span<const Entry> kept;
    if (old < lists_.size() && lists_[old] == list) {
      if (!std::ranges::binary_search(made_anew, list)) {
        cut = cut_[old];
        kept = At(old);
        if (!kept.empty()) last = kept.back();
      }
      ++old;
    }
    if (std::ranges::any_of(kept, [&](const Entry& entry) { return gone(entry.id); })) {
      for (const Entry& entry : kept) {
        if (!gone(entry.id)) entries.push_back(entry);
      }
      kept = entries;
    }
    if (next == added.end() || next->list != list) {  // Most lists.
      merged->Append(list, kept, cut);
      continue;
    }
    if (entries.empty()) entries.assign(kept.begin(), kept.end());
    const std::size_t before = entries.size();
    for (; next != added.end() && next->list == list; ++next) {
      if (entries.size() < before + kMost && (!cut || !(last < next->entry)))
        entries.push_back(next->entry);
      else
        cut = true;
    }
    std::inplace_merge(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(before), entries.end());
    if (entries.size() > kMost) {
      entries.resize(kMost);
      cut = true;
    }
    merged->Append(list, entries, cut);
  }
  merged->Finish();
  return merged;
}

void CategoryLists::Append(Key list, std::span<const Entry> entries, bool cut) {
  if (entries.empty() && !cut) return;
  if (entries_.size() + entries.size() > kMaxEntries) {
    left_out_ += entries.size();
    return;
  }
  lists_.push_back(list);
  begins_.push_back(static_cast<std::uint32_t>(entries_.size()));
  cut_.push_back(cut);
  entries_.insert(entries_.end(), entries.begin(), entries.end());
}

// Makes the index once all lists are in.
void CategoryLists::Finish() {
  begins_.push_back(static_cast<std::uint32_t>(entries_.size()));
  shift_ = 64 - std::max(1, static_cast<int>(std::bit_width(lists_.size() / 2)));  // One or two lists a bucket.
  buckets_.resize((std::size_t{1} << (64 - shift_)) + 1);
  std::size_t list = 0;
  for (std::size_t b = 0; b + 1 < buckets_.size(); ++b) {
    while (list < lists_.size() && lists_[list] >> shift_ < b) ++list;
    buckets_[b] = static_cast<std::uint32_t>(list);
  }
  buckets_.back() = static_cast<std::uint32_t>(lists_.size());
  begins_.shrink_to_fit();
  lists_.shrink_to_fit();
  if (entries_.capacity() - entries_.size() > entries_.size() / 16) entries_.shrink_to_fit();
}

std::span<const CategoryLists::Entry> CategoryLists::Find(Key list) const {
  const std::size_t bucket = list >> shift_;
  for (std::uint32_t i = buckets_[bucket]; i < buckets_[bucket + 1]; ++i) {
    if (lists_[i] == list) return At(i);
  }
  return {};
}

void CategoryLists::Encode(ListsWriter* out) const {
  out->out.Varint(lists_.size());
  for (std::size_t l = 0; l < lists_.size(); ++l) {
    out->out.Number(lists_[l]);
    out->out.Varint(At(l).size());
    for (const Entry& entry : At(l)) out->Item(out->shared.item_key(entry.id));
  }
}

std::shared_ptr<const CategoryLists> CategoryLists::Decode(ListsReader* in) {
  auto lists = std::make_shared<CategoryLists>();
  const std::size_t count = in->in.Count(sizeof(Key) + 1);
  for (std::size_t l = 0; l < count && !in->in.bad; ++l) {
    const auto name = in->in.Number<Key>();
    const std::size_t entries = in->in.Count(1);
    in->in.bad = in->in.bad || entries > kMost || (l > 0 && name <= lists->lists_.back());
    lists->lists_.push_back(name);
    lists->begins_.push_back(static_cast<std::uint32_t>(lists->entries_.size()));
    lists->cut_.push_back(false);
    for (std::size_t e = 0; e < entries && !in->in.bad; ++e)
      lists->entries_.push_back({-static_cast<float>(e), in->Place()});  // The order is all that requests read.
  }
  lists->Finish();
  return lists;
}

void CategoryLists::AppendFirst(const SharedState& shared, std::size_t most, std::vector<Key>* items) const {
  const std::size_t each = most / std::max<std::size_t>(1, lists_.size());
  for (std::size_t l = 0; l < lists_.size(); ++l) {
    for (const Entry& entry : At(l).first(std::min(each, At(l).size()))) items->push_back(shared.item_key(entry.id));
  }
}

std::size_t CategoryLists::memory_bytes() const {
  return lists_.capacity() * sizeof(Key) + (begins_.capacity() + buckets_.capacity()) * sizeof(std::uint32_t) +
         cut_.capacity() / 8 + entries_.capacity() * sizeof(Entry);
}

}  // namespace gfr
