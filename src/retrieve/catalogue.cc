#include "retrieve/catalogue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "retrieve/lists_codec.h"

namespace gfr {
namespace {

class CatalogueLists final : public SourceLists {
 public:
  // Every item on sale, by rising key. `shared`: of whose tables they are; null: none are listed for the ranker.
  CatalogueLists(std::vector<Key> keys, const SharedState* shared) : keys_(std::move(keys)), whole_(shared != nullptr) {
    if (!whole_) return;
    items_.reserve(keys_.size());
    for (const Key key : keys_) items_.push_back({.item_id = std::string(shared->ItemId(key))});
  }
  // More than are listed: which of the tables' items are on sale, by dense id, and how many.
  CatalogueLists(std::vector<bool> on_sale, std::size_t count)
      : whole_(false), on_sale_(std::move(on_sale)), on_sale_count_(count) {}
  std::vector<Key> Find(const SourceQuery&, const CandidateSet&, std::size_t) const override { return {}; }
  std::span<const EventItem> Whole() const override { return items_; }
  std::size_t memory_bytes() const override {
    return keys_.capacity() * sizeof(Key) + items_.capacity() * sizeof(EventItem) + on_sale_.capacity() / 8;
  }
  void AppendFirst(const SharedState&, std::size_t most, std::vector<Key>* items) const override {
    items->insert(items->end(), keys_.begin(),
                  keys_.begin() + static_cast<std::ptrdiff_t>(std::min(most, keys_.size())));
  }
  // None: who reads the bytes has no rows to score at hand.
  void AppendAll(const SharedState&, std::vector<Key>*) const override {}
  void Encode(ListsWriter*) const override {}
  const std::vector<Key>& keys() const { return keys_; }
  bool whole() const { return whole_; }
  const std::vector<bool>& on_sale() const { return on_sale_; }
  std::size_t on_sale_count() const { return on_sale_count_; }

 private:
  std::vector<Key> keys_;
  bool whole_;
  std::vector<EventItem> items_;  // As the ranker reads candidates.
  std::vector<bool> on_sale_;     // Of a catalogue that is not whole.
  std::size_t on_sale_count_ = 0;
};

std::shared_ptr<const SourceLists> ListAll(const CatalogueChanges& changes) {
  std::vector<Key> keys;
  std::vector<bool> on_sale(changes.shared.item_count());
  std::size_t count = 0;
  changes.ForEachItem([&](std::uint32_t id, Key key, const std::byte*) {
    if (keys.size() < CatalogueSource::kMost) keys.push_back(key);
    on_sale[id] = true;
    ++count;
  });
  if (count > keys.size()) return std::make_shared<CatalogueLists>(std::move(on_sale), count);
  std::ranges::sort(keys);
  return std::make_shared<CatalogueLists>(std::move(keys), &changes.shared);
}

// Of a catalogue that had too many items: listed again as soon as it has not.
std::shared_ptr<const SourceLists> CountAgain(const std::shared_ptr<const SourceLists>& before,
                                              const CatalogueLists& old, const CatalogueChanges& changes) {
  if (changes.changed.empty()) return before;
  std::vector<bool> on_sale = old.on_sale();
  on_sale.resize(changes.shared.item_count());
  std::size_t count = old.on_sale_count();
  changes.ForEachChanged([&](std::uint32_t id, Key, const std::byte* row) {
    const bool is = changes.IsOnSale(row);
    if (is != on_sale[id]) is ? ++count : --count;
    on_sale[id] = is;
  });
  if (count <= CatalogueSource::kMost) return ListAll(changes);
  return std::make_shared<CatalogueLists>(std::move(on_sale), count);
}

}  // namespace

std::shared_ptr<const SourceLists> CatalogueSource::Update(std::shared_ptr<const SourceLists> before,
                                                           const CatalogueChanges& changes) const {
  if (before == nullptr) return ListAll(changes);
  const auto& old = static_cast<const CatalogueLists&>(*before);
  if (!old.whole()) return CountAgain(before, old, changes);
  std::vector<Key> come, gone;
  changes.ForEachChanged([&](std::uint32_t, Key key, const std::byte* row) {
    const bool is_listed = std::ranges::binary_search(old.keys(), key);
    if (changes.IsOnSale(row) != is_listed) (is_listed ? gone : come).push_back(key);
  });
  if (come.empty() && gone.empty()) return before;
  std::ranges::sort(come);
  std::ranges::sort(gone);
  std::vector<Key> keys;
  std::ranges::set_difference(old.keys(), gone, std::back_inserter(keys));
  const auto kept = static_cast<std::ptrdiff_t>(keys.size());
  keys.insert(keys.end(), come.begin(), come.end());
  std::inplace_merge(keys.begin(), keys.begin() + kept, keys.end());
  if (keys.size() > kMost) return ListAll(changes);  // Which counts them.
  return std::make_shared<CatalogueLists>(std::move(keys), &changes.shared);
}

std::shared_ptr<const SourceLists> CatalogueSource::Decode(ListsReader*) const {
  return std::make_shared<CatalogueLists>(std::vector<Key>(), nullptr);
}

}  // namespace gfr
