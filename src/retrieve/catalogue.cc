#include "retrieve/catalogue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "retrieve/lists_codec.h"

namespace gfr {
namespace {

class CatalogueLists final : public SourceLists {
 public:
  // By rising key; `whole`: there are no others on sale.
  CatalogueLists(std::vector<Key> keys, bool whole, const SharedState* shared) : keys_(std::move(keys)), whole_(whole) {
    if (!whole_ || shared == nullptr) return;
    items_.reserve(keys_.size());
    for (const Key key : keys_) items_.push_back({.item_id = std::string(shared->ItemId(key))});
  }
  std::vector<Key> Find(const SourceQuery&, const CandidateSet&, std::size_t) const override { return {}; }
  std::span<const EventItem> Whole() const override { return items_; }
  std::size_t memory_bytes() const override {
    return keys_.capacity() * sizeof(Key) + items_.capacity() * sizeof(EventItem);
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

 private:
  std::vector<Key> keys_;
  bool whole_;
  std::vector<EventItem> items_;  // As the ranker reads candidates.
};

}  // namespace

std::shared_ptr<const SourceLists> CatalogueSource::Update(std::shared_ptr<const SourceLists> before,
                                                           const CatalogueChanges& changes) const {
  std::vector<Key> keys;
  if (before == nullptr) {
    bool whole = true;
    changes.ForEachItem([&](std::uint32_t, Key key, const std::byte*) {
      if (keys.size() < kMost)
        keys.push_back(key);
      else
        whole = false;
    });
    if (!whole) keys.clear();
    std::ranges::sort(keys);
    return std::make_shared<CatalogueLists>(std::move(keys), whole, &changes.shared);
  }
  const auto& old = static_cast<const CatalogueLists&>(*before);
  if (!old.whole()) return before;
  std::vector<Key> come, gone;
  changes.ForEachChanged([&](std::uint32_t, Key key, const std::byte* row) {
    const bool is_listed = std::ranges::binary_search(old.keys(), key);
    if (changes.IsOnSale(row) != is_listed) (is_listed ? gone : come).push_back(key);
  });
  if (come.empty() && gone.empty()) return before;
  std::ranges::sort(come);
  std::ranges::sort(gone);
  std::ranges::set_difference(old.keys(), gone, std::back_inserter(keys));
  const auto kept = static_cast<std::ptrdiff_t>(keys.size());
  keys.insert(keys.end(), come.begin(), come.end());
  std::inplace_merge(keys.begin(), keys.begin() + kept, keys.end());
  const bool whole = keys.size() <= kMost;
  if (!whole) keys.clear();
  return std::make_shared<CatalogueLists>(std::move(keys), whole, &changes.shared);
}

std::shared_ptr<const SourceLists> CatalogueSource::Decode(ListsReader*) const {
  return std::make_shared<CatalogueLists>(std::vector<Key>(), /*whole=*/false, nullptr);
}

}  // namespace gfr
