#include "retrieve/ranked_list.h"

#include <algorithm>

#include "retrieve/lists_codec.h"

namespace gfr {

std::shared_ptr<const RankedList> RankedList::Update(std::shared_ptr<const SourceLists> before,
                                                     const CatalogueChanges& changes, ScoreOf score_of) {
  const std::size_t least = changes.candidates + kSpare;
  const auto* old = static_cast<const RankedList*>(before.get());
  auto list = std::make_shared<RankedList>();
  if (old != nullptr) {
    std::vector<Key> keys;
    std::vector<Entry> fresh;
    const Entry* last = old->whole_ || old->entries_.empty() ? nullptr : &old->entries_.back();
    changes.ForEachChanged([&](std::uint32_t, Key key, const std::byte* row) {
      keys.push_back(key);
      if (!changes.IsOnSale(row)) return;
      const Entry entry{score_of(changes, row), key};
      if (last == nullptr || !(*last < entry)) fresh.push_back(entry);
    });
    if (keys.empty()) return std::static_pointer_cast<const RankedList>(before);
    std::ranges::sort(keys);
    list->whole_ = old->whole_;
    for (const Entry& entry : old->entries_) {
      if (!std::ranges::binary_search(keys, entry.key)) list->entries_.push_back(entry);
    }
    list->entries_.insert(list->entries_.end(), fresh.begin(), fresh.end());
    list->Cut(2 * least);
    if (list->whole_ || list->entries_.size() >= least) return list;
    list->entries_.clear();
    list->whole_ = true;
  }
  changes.ForEachItem([&](std::uint32_t, Key key, const std::byte* row) {
    list->entries_.push_back({score_of(changes, row), key});
    if (list->entries_.size() >= 16 * least) list->Cut(2 * least);
  });
  list->Cut(2 * least);
  return list;
}

void RankedList::Cut(std::size_t most) {
  if (entries_.size() > most) {
    std::nth_element(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(most), entries_.end());
    entries_.resize(most);
    whole_ = false;
  }
  std::sort(entries_.begin(), entries_.end());
  entries_.shrink_to_fit();
}

void RankedList::Encode(ListsWriter* out) const {
  out->out.Varint(entries_.size());
  for (const Entry& entry : entries_) out->Item(entry.key);
}

std::shared_ptr<const RankedList> RankedList::Decode(ListsReader* in) {
  auto list = std::make_shared<RankedList>();
  list->entries_.resize(in->in.Count(1));
  for (std::size_t i = 0; i < list->entries_.size(); ++i)
    list->entries_[i] = {-static_cast<double>(i), in->Item()};  // The order is all that requests read.
  return list;
}

void RankedList::AppendFirst(const SharedState&, std::size_t most, std::vector<Key>* items) const {
  for (std::size_t i = 0; i < std::min(most, entries_.size()); ++i) items->push_back(entries_[i].key);
}

std::vector<Key> RankedList::Find(const SourceQuery&, const CandidateSet& set, std::size_t quota) const {
  std::vector<Key> found;
  for (const Entry& entry : entries_) {
    if (found.size() >= quota) break;
    if (!set.Has(entry.key)) found.push_back(entry.key);
  }
  return found;
}

}  // namespace gfr
