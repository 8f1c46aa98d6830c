// CategoryLists: for each value of each category property the items that have it, those of the greatest prior
// (item_prior.h) first, at most kMost of them; of a catalogue without category properties, for each octave of prices;
// and one of all items.
//
// One sorted run of entries with an index over it: an update is one pass over both, and memory is bounded however many
// categories there are (kMaxEntries; what is over it is left out and counted). A list that was cut has every item that
// is as good as its last one; one that has lost half of them is made from the catalogue again.
// Thread safety: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "retrieve/candidate_source.h"

namespace gfr {

class CategoryLists {
 public:
  static constexpr std::size_t kMost = 256, kLeast = kMost / 2;  // Entries of a list that was cut.
  static constexpr std::size_t kMaxEntries = 1500 * 1000;

  // 8 bytes. Equal ones are in order of id.
  struct Entry {
    float rank;
    std::uint32_t id;
    friend bool operator<(const Entry& a, const Entry& b) { return a.rank != b.rank ? a.rank > b.rank : a.id < b.id; }
  };

  static std::shared_ptr<const CategoryLists> Make(const CatalogueChanges& changes);
  std::shared_ptr<const CategoryLists> Update(const CatalogueChanges& changes) const;

  // The lists that an item is in, each once; appended to `lists`.
  static void ListsOf(const PropertySchema& schema, std::span<const PropertyValue> properties, std::vector<Key>* lists);
  // The lists whose items may be like it: those, and of prices the octaves beside its own.
  static void ListsNear(const PropertySchema& schema, std::span<const PropertyValue> properties,
                        std::vector<Key>* lists);
  static Key CategoryList(std::size_t property, Key category) { return PairKey(property + 2, category); }
  static Key AllItems() { return PairKey(1, 1); }
  std::span<const Entry> Find(Key list) const;
  // The first items of every list, an equal number of each.
  void AppendFirst(const SharedState& shared, std::size_t most, std::vector<Key>* items) const;
  void Encode(ListsWriter* out) const;
  // The entries' ids are places in `in->items`.
  static std::shared_ptr<const CategoryLists> Decode(ListsReader* in);
  std::size_t memory_bytes() const;
  std::size_t entries() const { return entries_.size(); }
  std::size_t left_out() const { return left_out_; }

 private:
  struct Added {
    Key list;
    Entry entry;
    friend bool operator<(const Added& a, const Added& b) {
      return a.list != b.list ? a.list < b.list : a.entry < b.entry;
    }
  };
  template <typename Gone>
  std::shared_ptr<CategoryLists> Merge(std::vector<Added> added, Gone&& gone, std::span<const Key> made_anew) const;
  // REQUIRES: at most kMost.
  void Append(Key list, std::span<const Entry> entries, bool cut);
  void Finish();
  std::span<const Entry> At(std::size_t list) const {
    return std::span(entries_).subspan(begins_[list], begins_[list + 1] - begins_[list]);
  }

  std::vector<Key> lists_;             // Rising.
  std::vector<std::uint32_t> begins_;  // Of each list's entries, and their end.
  std::vector<bool> cut_;              // The list has more items than entries.
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;  // By the list's highest bits: the first list at or behind them.
  int shift_ = 63;
  std::size_t left_out_ = 0;  // Entries over kMaxEntries.
};

}  // namespace gfr
