// SharedState: what all users share: the catalogue, and the states of items, their properties, cities, the shop.
//
// It changes only when an epoch is sealed. A line that arrives at `a` is folded into the open epoch that ends behind
// `a` (integers only, so that lines commute); AdvanceTo takes every epoch that has ended into the state, in order. The
// open epochs of several workers can be written (TakeDelta) and added (AddDelta) in any order and split: the state
// comes out equal byte for byte. Of the catalogue, the update of the greatest `stamp` wins, property by property.
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "feature/feature_set.h"
#include "state/changed_items.h"
#include "state/id_texts.h"
#include "state/state_table.h"
#include "state/versioned_table.h"

namespace gfr {

inline constexpr std::int64_t kEpochMs = 60 * 1000;
inline constexpr std::int64_t kSealLagMs = 5 * 1000;

// End of the last epoch that ended at or before now - seal_lag.
inline std::int64_t EpochEndAt(std::int64_t now_ms) { return (now_ms - kSealLagMs) / kEpochMs * kEpochMs; }
// End of the epoch in which what arrives at `arrival_ms` is folded.
inline std::int64_t EpochOf(std::int64_t arrival_ms) { return arrival_ms / kEpochMs * kEpochMs + kEpochMs; }

// What the channels and the baselines need of an item, as of the epoch; plain, zero when new.
struct ItemSummary {
  std::int64_t first_seen_ms;  // End of the first epoch that named it.
  std::uint32_t impressions, clicks, touches;
  std::uint32_t off_sale;  // 1: an item.delete took it off sale, and no item.update came since.
  double popularity;       // Clicks, views and purchases, decayed with a half-life of a day, as of popularity_ms.
  std::int64_t popularity_ms;
};

// A change of an item's catalogue entry; what is not known stays as it was.
struct CatalogueUpdate {
  std::vector<PropertyValue> properties;  // In the schema's order, or empty.
  std::vector<float> vectors;             // PropertySchema::vector_width, NaN where a vector is not given; or empty.
  enum class Sale : std::uint8_t { kUnsaid, kOn, kOff } sale = Sale::kUnsaid;
};

class SharedState {
 public:
  explicit SharedState(std::shared_ptr<const FeatureSet> features);

  // Folds one line into the open epoch of its arrival. `id` is the item's, for a line that has one.
  void FoldLine(std::int64_t arrival_ms, const EventLine& line, std::string_view id,
                std::span<const PropertyValue> user_properties);
  // Likewise an update of the catalogue; of two in one epoch the greater stamp (above 0) wins.
  void FoldUpdate(std::int64_t arrival_ms, Key item, std::string_view id, const CatalogueUpdate& update,
                  std::int64_t stamp);
  // Seals the open epochs that end at or before `epoch_end_ms`; an earlier one than the current changes nothing.
  void AdvanceTo(std::int64_t epoch_end_ms);

  std::int64_t epoch_end_ms() const { return epoch_end_ms_; }
  std::vector<std::int64_t> OpenEpochs() const;  // Their ends, rising.
  // The open epoch as bytes, its rows in order of key; TakeDelta: it is open no more.
  std::string EncodeDelta(std::int64_t epoch_end_ms) const;
  std::string TakeDelta(std::int64_t epoch_end_ms);
  // Adds what TakeDelta of another state of the same definitions gave. kCorrupt: other bytes.
  Status AddDelta(std::int64_t epoch_end_ms, std::string_view delta);
  // AddDelta and the sealing of it at once, for an epoch of which nothing else is open; AdvanceTo makes it visible.
  // REQUIRES: epochs are given in order, each before AdvanceTo comes to it. After an error the state is not to be used.
  Status SealDelta(std::int64_t epoch_end_ms, std::string_view delta);

  // The tables by number, as readers name them: the items, the shop (one row, of key 1), then each entity.
  static constexpr std::uint32_t kItems = 0, kShop = 1, kEntities = 2;
  std::vector<const VersionedTable*> tables() const;
  Timeline& timeline() const { return *timeline_; }
  // Keeps the keys of rows that are sealed from now on.
  void Track() { tracks_ = true; }
  std::vector<RowChange> TakeChanges() { return std::exchange(changes_, {}); }
  // The items that each epoch changed, for one consumer beside the writer.
  ChangedItems& changed_items() const { return *changed_items_; }
  void SetExclusive(bool exclusive);

  // Of an item's bytes in an open epoch: its head, then so many for each property, 8 for each vector, the vectors.
  static constexpr std::size_t kItemDeltaBytes = 24, kStampedBytes = 24;
  static constexpr std::size_t kItemCountsBytes = 16;  // The part of the head that snapshots up to GFRSNAP5 have.
  // How an item's row, and the shop's, are read.
  static const ItemSummary& Summary(const std::byte* row) { return *reinterpret_cast<const ItemSummary*>(row); }
  std::span<const PropertyValue> Properties(const std::byte* row) const {
    return {reinterpret_cast<const PropertyValue*>(row + sizeof(ItemSummary)), properties_};
  }
  // Whether the item can be shown: no item.delete took it off sale, and its property `availability`, where gfr.toml
  // declares one, does not say that it is not to be had (docs/configuration.md lists the words).
  bool IsOnSale(const std::byte* row) const noexcept;
  const float* Vectors(const std::byte* row) const;  // NaN where one was not given; null: none was.
  std::uint32_t ShopOffset(std::size_t feature) const { return shop_at_[feature]; }  // Of a shared feature's state.

  // Items by dense id, for scans; a row is null when the pin does not see it.
  std::uint32_t item_count() const { return items_.size(); }
  Key item_key(std::uint32_t id) const { return items_.KeyAt(id); }
  const std::byte* item_row(std::uint32_t id, const Pin& pin) const { return items_.At(id, pin); }
  void ItemRows(std::span<const std::uint32_t> ids, const Pin& pin, std::span<const std::byte*> rows) const {
    items_.AtMany(ids, pin, rows);
  }
  const std::byte* FindItem(Key item, const Pin& pin) const { return items_.Find(item, pin); }
  const std::byte* FindItem(Key item) const { return items_.Find(item); }  // The writer's: newest.
  const IdTexts& item_texts() const { return texts_; }
  void PrefetchItems(std::span<const Key> items) const { items_.Prefetch(items); }
  std::string_view ItemId(Key item) const { return texts_.Get(items_.IdOf(item)); }

 private:
  friend class SnapshotCodec;
  // What arrived in one epoch.
  struct Open {
    explicit Open(const SharedState& state);
    StateTable items;  // ItemDelta, a Stamped of each property, a stamp of each vector, the vectors.
    std::vector<StateTable> entities;
    std::vector<std::byte> shop;
    std::unordered_map<Key, std::string> ids;
  };
  std::size_t PlaceShop();
  Open& OpenAt(std::int64_t epoch_end_ms);
  void Seal(std::int64_t epoch_end_ms, const Open& open);
  std::byte* Write(std::uint32_t table, Key key, std::int64_t epoch_end_ms);
  void SealItem(std::int64_t epoch_end_ms, const std::byte* delta, std::byte* row) const;
  void SealEntity(std::int64_t epoch_end_ms, std::size_t entity, Key key, const std::byte* delta);
  void SealShop(std::int64_t epoch_end_ms, const std::byte* delta);
  template <typename Item, typename Entity, typename Shop, typename Id>
  Status ReadDelta(std::string_view delta, bool prefetch, Item&& item, Entity&& entity, Shop&& shop, Id&& id) const;
  template <typename Each>
  static void ByKey(const StateTable& table, const VersionedTable& into, Each&& each);
  void MergeItem(const std::byte* from, std::byte* into) const;
  void CopyVector(std::size_t v, const float* from, float* into) const;
  const float* DeltaVectors(const std::byte* delta) const;
  template <typename StampOf>
  void TakeVectors(const float* from, StampOf&& stamp_of, std::byte* into) const;

  const std::shared_ptr<const FeatureSet> features_;
  const std::size_t properties_, width_, vectors_at_, stamps_at_, item_delta_bytes_;
  const int availability_;  // Among the items' properties; -1: not declared.
  struct Folded {
    const BoundFeature* feature;
    std::uint32_t shop_at;  // Of its state in the shop's row; kNoShop: it keeps none there.
  };
  static constexpr std::uint32_t kNoShop = 0xffffffffu;
  std::vector<std::vector<Folded>> by_entity_;  // What is folded of an entity: features that own a state, and parents.
  std::vector<std::uint32_t> shop_at_;          // Of each feature's state in the shop's row.
  std::uint32_t shop_bytes_ = 0;

  std::unique_ptr<Timeline> timeline_;
  VersionedTable items_;  // ItemSummary, PropertyValue of each property, the vectors.
  VersionedTable shop_;   // The whole shop's state of every shared view.
  std::vector<std::unique_ptr<VersionedTable>> entities_;
  IdTexts texts_;  // Of items, by dense id.
  bool tracks_ = false;
  std::vector<RowChange> changes_;
  std::unique_ptr<ChangedItems> changed_items_ = std::make_unique<ChangedItems>();
  std::vector<std::uint32_t> sealed_items_;  // Dense ids since the last AdvanceTo.
  std::map<std::int64_t, Open> open_;
  std::int64_t epoch_end_ms_ = INT64_MIN;
};

}  // namespace gfr
