#include "state/shared_state.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>

#include "base/byte_reader.h"
#include "state/sparse_rows.h"

namespace gfr {
namespace {

constexpr std::size_t kBatch = 32;  // Rows whose memory is fetched at once.
constexpr double kPopularityHalfLifeMs = 24.0 * 3600 * 1000;

struct ItemDelta {
  std::uint32_t impressions, clicks, touches, popularity;
  std::int64_t
      sale;  // What the latest item.update or item.delete says: twice its stamp, and 1 of a delete; 0: nothing.
};
struct Stamped {
  PropertyValue value;
  std::int64_t stamp;  // 0: nothing was said.
};
static_assert(sizeof(ItemDelta) == SharedState::kItemDeltaBytes && sizeof(Stamped) == SharedState::kStampedBytes);

template <typename T>
T* At(std::byte* row, std::size_t offset) {
  return reinterpret_cast<T*>(row + offset);
}
template <typename T>
const T* At(const std::byte* row, std::size_t offset) {
  return reinterpret_cast<const T*>(row + offset);
}

std::uint32_t RowBytes(std::size_t bytes) { return static_cast<std::uint32_t>((bytes + 7) / 8 * 8); }

bool IsPopular(EventType type) {
  return type == EventType::kFeedClick || type == EventType::kPurchase || type == EventType::kItemView;
}

// What `availability` says of an item that cannot be had: Google Merchant's, schema.org's and plain words.
bool IsUnavailable(const PropertyValue& value) {
  static const std::array<Key, 16> kWords{KeyOf("out_of_stock"),
                                          KeyOf("out of stock"),
                                          KeyOf("out-of-stock"),
                                          KeyOf("OutOfStock"),
                                          KeyOf("sold_out"),
                                          KeyOf("sold out"),
                                          KeyOf("SoldOut"),
                                          KeyOf("discontinued"),
                                          KeyOf("Discontinued"),
                                          KeyOf("unavailable"),
                                          KeyOf("off_sale"),
                                          KeyOf("no"),
                                          KeyOf("false"),
                                          KeyOf("0"),
                                          KeyOf("http://schema.org/OutOfStock"),
                                          KeyOf("https://schema.org/OutOfStock")};
  return value.category != 0 ? std::ranges::find(kWords, value.category) != kWords.end() : value.number == 0;
}

std::vector<std::size_t> IdsByKey(const StateTable& table) {
  std::vector<std::size_t> ids(table.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
  std::ranges::sort(ids, {}, [&](std::size_t id) { return table.key(id); });
  return ids;
}

}  // namespace

SharedState::Open::Open(const SharedState& state) : items(state.item_delta_bytes_), shop(state.shop_bytes_) {
  for (const SharedEntity& entity : state.features_->entities) entities.emplace_back(entity.row_bytes);
}

SharedState::SharedState(std::shared_ptr<const FeatureSet> features)
    : features_(std::move(features)),
      properties_(features_->schema.item_names.size()),
      width_(features_->schema.vector_width),
      vectors_at_(sizeof(ItemSummary) + properties_ * sizeof(PropertyValue)),
      stamps_at_(sizeof(ItemDelta) + properties_ * sizeof(Stamped)),
      item_delta_bytes_(stamps_at_ + features_->schema.vector_names.size() * 8 + width_ * sizeof(float)),
      availability_(features_->schema.FindItem("availability")),
      by_entity_(features_->entities.size()),
      timeline_(std::make_unique<Timeline>()),
      items_(*timeline_, RowBytes(vectors_at_ + width_ * sizeof(float))),
      shop_(*timeline_, RowBytes(PlaceShop())) {
  for (const SharedEntity& entity : features_->entities)
    entities_.push_back(std::make_unique<VersionedTable>(*timeline_, entity.row_bytes));
}

// Lays out the shop's row; its bytes.
std::size_t SharedState::PlaceShop() {
  for (std::size_t k = 0; k < features_->features.size(); ++k) {
    const BoundFeature& f = features_->features[k];
    shop_at_.push_back(f.shares_state ? shop_at_[f.owner] : shop_bytes_);
    if (f.entity < 0 || f.shares_state) continue;
    by_entity_[static_cast<std::size_t>(f.entity)].push_back({&f, shop_bytes_});
    shop_bytes_ += f.view->spec().state_bytes;
  }
  for (const BoundFeature& f : features_->parents)
    by_entity_[static_cast<std::size_t>(f.entity)].push_back({&f, kNoShop});
  return shop_bytes_;
}

std::vector<const VersionedTable*> SharedState::tables() const {
  std::vector<const VersionedTable*> tables{&items_, &shop_};
  for (const auto& table : entities_) tables.push_back(table.get());
  return tables;
}

SharedState::Open& SharedState::OpenAt(std::int64_t epoch_end_ms) {
  return open_.try_emplace(epoch_end_ms, *this).first->second;
}

void SharedState::CopyVector(std::size_t v, const float* from, float* into) const {
  const std::size_t at = features_->schema.vector_offsets[v];
  std::memcpy(into + at, from + at, features_->schema.vector_sizes[v] * sizeof(float));
}

const float* SharedState::DeltaVectors(const std::byte* delta) const {
  return At<float>(delta, stamps_at_ + features_->schema.vector_names.size() * 8);
}

template <typename StampOf>
void SharedState::TakeVectors(const float* from, StampOf&& stamp_of, std::byte* into) const {
  auto* stamps = At<std::int64_t>(into, stamps_at_);
  for (std::size_t v = 0; v < features_->schema.vector_names.size(); ++v) {
    const float first = from[features_->schema.vector_offsets[v]];
    if (!(first == first) || stamp_of(v) < stamps[v] || stamp_of(v) == 0) continue;
    stamps[v] = stamp_of(v);
    CopyVector(v, from, const_cast<float*>(DeltaVectors(into)));
  }
}

void SharedState::FoldLine(std::int64_t arrival_ms, const EventLine& line, std::string_view id,
                           std::span<const PropertyValue> user_properties) {
  Open& open = OpenAt(EpochOf(arrival_ms));
  if (line.item != 0) {
    ItemDelta& item = *At<ItemDelta>(open.items.Get(line.item), 0);
    if (items_.IdOf(line.item) == VersionedTable::kNoId) open.ids.try_emplace(line.item, id);
    item.impressions += line.type == EventType::kFeedImpression;
    item.clicks += line.type == EventType::kFeedClick;
    item.touches += IsPopular(line.type) || line.type == EventType::kCartAdd;
    item.popularity += IsPopular(line.type);
  }
  for (std::size_t e = 0; e < by_entity_.size(); ++e) {
    const SharedEntity& entity = features_->entities[e];
    const Key key =
        line.item == 0 && entity.needs_item()
            ? 0
            : entity.KeyFor({line.item, line.item_properties, user_properties, line.surface, line.last_item});
    std::byte* row = nullptr;
    for (const auto& [f, shop_at] : by_entity_[e]) {
      if (!(f->view->spec().event_types >> static_cast<unsigned>(line.type) & 1u)) continue;
      if (shop_at != kNoShop) f->view->Fold(line, open.shop.data() + shop_at);
      if (key == 0) continue;
      if (!row) row = open.entities[e].Get(key);
      f->view->Fold(line, row + f->offset);
    }
  }
}

void SharedState::FoldUpdate(std::int64_t arrival_ms, Key item, std::string_view id, const CatalogueUpdate& update,
                             std::int64_t stamp) {
  Open& open = OpenAt(EpochOf(arrival_ms));
  if (items_.IdOf(item) == VersionedTable::kNoId) open.ids.try_emplace(item, id);
  std::byte* row = open.items.Get(item);
  if (update.sale != CatalogueUpdate::Sale::kUnsaid) {
    std::int64_t& sale = At<ItemDelta>(row, 0)->sale;
    sale = std::max(sale, 2 * stamp + (update.sale == CatalogueUpdate::Sale::kOff));
  }
  for (std::size_t p = 0; p < update.properties.size(); ++p) {
    const PropertyValue& value = update.properties[p];
    Stamped& slot = At<Stamped>(row, sizeof(ItemDelta))[p];
    if ((value.category != 0 || !std::isnan(value.number)) && stamp >= slot.stamp) slot = {value, stamp};
  }
  if (!update.vectors.empty())
    TakeVectors(
        update.vectors.data(), [&](std::size_t) { return stamp; }, row);
}

void SharedState::AdvanceTo(std::int64_t epoch_end_ms) {
  if (epoch_end_ms <= epoch_end_ms_) return;
  while (!open_.empty() && open_.begin()->first <= epoch_end_ms) {
    Seal(open_.begin()->first, open_.begin()->second);
    open_.erase(open_.begin());
  }
  epoch_end_ms_ = epoch_end_ms;
  if (!sealed_items_.empty()) changed_items_->Add(epoch_end_ms, std::exchange(sealed_items_, {}));
  timeline_->Publish(epoch_end_ms);
}

std::byte* SharedState::Write(std::uint32_t table, Key key, std::int64_t epoch_end_ms) {
  if (tracks_) changes_.push_back({table, key});
  VersionedTable& rows = table == kItems ? items_ : table == kShop ? shop_ : *entities_[table - kEntities];
  std::byte* row = rows.Write(key, epoch_end_ms);
  if (table == kItems && changed_items_->wanted()) sealed_items_.push_back(VersionedTable::IdOf(row));
  return row;
}

// Gives the rows of an open table by key, so that dense ids do not depend on how the epoch was put together; what
// `into` has of them is fetched ahead.
template <typename Each>
void SharedState::ByKey(const StateTable& table, const VersionedTable& into, Each&& each) {
  const std::vector<std::size_t> ids = IdsByKey(table);
  Key keys[kBatch];
  for (std::size_t begin = 0; begin < ids.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, ids.size() - begin);
    for (std::size_t i = 0; i < n; ++i) keys[i] = table.key(ids[begin + i]);
    into.Prefetch({keys, n});
    for (std::size_t i = 0; i < n; ++i) each(keys[i], table.row(ids[begin + i]));
  }
}

void SharedState::Seal(std::int64_t epoch_end_ms, const Open& open) {
  ByKey(open.items, items_, [&](Key key, const std::byte* delta) {
    SealItem(epoch_end_ms, delta, Write(kItems, key, epoch_end_ms));
    if (const auto text = open.ids.find(key); text != open.ids.end()) texts_.Set(items_.IdOf(key), text->second);
  });
  for (std::size_t e = 0; e < entities_.size(); ++e) {
    ByKey(open.entities[e], *entities_[e],
          [&](Key key, const std::byte* delta) { SealEntity(epoch_end_ms, e, key, delta); });
  }
  SealShop(epoch_end_ms, open.shop.data());
}

void SharedState::SealEntity(std::int64_t epoch_end_ms, std::size_t entity, Key key, const std::byte* delta) {
  std::byte* row = Write(kEntities + static_cast<std::uint32_t>(entity), key, epoch_end_ms);
  for (const auto& [f, shop_at] : by_entity_[entity]) f->view->Seal(delta + f->offset, epoch_end_ms, row + f->offset);
}

void SharedState::SealShop(std::int64_t epoch_end_ms, const std::byte* delta) {
  if (shop_bytes_ == 0) return;
  std::byte* row = Write(kShop, 1, epoch_end_ms);
  for (const auto& folded : by_entity_) {
    for (const auto& [f, shop_at] : folded) {
      if (shop_at != kNoShop) f->view->Seal(delta + shop_at, epoch_end_ms, row + shop_at);
    }
  }
}

void SharedState::SealItem(std::int64_t epoch_end_ms, const std::byte* delta, std::byte* row) const {
  const ItemDelta& d = *At<ItemDelta>(delta, 0);
  ItemSummary& item = *At<ItemSummary>(row, 0);
  auto* properties = At<PropertyValue>(row, sizeof(ItemSummary));
  auto* vectors = At<float>(row, vectors_at_);
  if (item.first_seen_ms == 0) {
    item.first_seen_ms = epoch_end_ms;
    for (std::size_t p = 0; p < properties_; ++p) new (properties + p) PropertyValue();
    std::fill(vectors, vectors + width_, kMissing);
  }
  item.impressions += d.impressions;
  item.clicks += d.clicks;
  item.touches += d.touches;
  if (d.sale != 0) item.off_sale = d.sale & 1;
  if (d.popularity > 0) {
    const double age = static_cast<double>(epoch_end_ms - item.popularity_ms);
    item.popularity = (item.popularity > 0 ? item.popularity * Exp2(-age / kPopularityHalfLifeMs) : 0.0) + d.popularity;
    item.popularity_ms = epoch_end_ms;
  }
  const auto* said = At<Stamped>(delta, sizeof(ItemDelta));
  for (std::size_t p = 0; p < properties_; ++p) {
    if (said[p].stamp != 0) properties[p] = said[p].value;
  }
  const auto* stamps = At<std::int64_t>(delta, stamps_at_);
  for (std::size_t v = 0; v < features_->schema.vector_names.size(); ++v) {
    if (stamps[v] != 0) CopyVector(v, DeltaVectors(delta), vectors);
  }
}

void SharedState::MergeItem(const std::byte* from, std::byte* into) const {
  const ItemDelta& f = *At<ItemDelta>(from, 0);
  ItemDelta& t = *At<ItemDelta>(into, 0);
  t = {t.impressions + f.impressions, t.clicks + f.clicks, t.touches + f.touches, t.popularity + f.popularity,
       std::max(t.sale, f.sale)};
  for (std::size_t p = 0; p < properties_; ++p) {
    const Stamped& said = At<Stamped>(from, sizeof(ItemDelta))[p];
    Stamped& slot = At<Stamped>(into, sizeof(ItemDelta))[p];
    if (said.stamp > slot.stamp) slot = said;
  }
  TakeVectors(
      DeltaVectors(from), [&](std::size_t v) { return At<std::int64_t>(from, stamps_at_)[v]; }, into);
}

bool SharedState::IsOnSale(const std::byte* row) const noexcept {
  return Summary(row).off_sale == 0 &&
         (availability_ < 0 || !IsUnavailable(Properties(row)[static_cast<std::size_t>(availability_)]));
}

const float* SharedState::Vectors(const std::byte* row) const {
  const auto* vectors = At<float>(row, vectors_at_);
  for (const std::uint32_t offset : features_->schema.vector_offsets) {
    if (vectors[offset] == vectors[offset]) return vectors;
  }
  return nullptr;
}

std::vector<std::int64_t> SharedState::OpenEpochs() const {
  std::vector<std::int64_t> ends;
  for (const auto& [end, open] : open_) ends.push_back(end);
  return ends;
}

// Of each table (items, entities): u64 rows, then key and row (PutRow) of each; the shop's row; u64 ids, then key, u64
// length and text of each.
std::string SharedState::EncodeDelta(std::int64_t epoch_end_ms) const {
  std::string out;
  const auto at = open_.find(epoch_end_ms);
  if (at == open_.end()) return out;
  const Open& open = at->second;
  const auto put = [&](const StateTable& table) {
    PutNumber(table.size(), &out);
    for (const std::size_t id : IdsByKey(table)) {
      PutNumber(table.key(id), &out);
      PutRow(table.row(id), table.row_bytes(), &out);
    }
  };
  put(open.items);
  for (const StateTable& table : open.entities) put(table);
  PutRow(open.shop.data(), shop_bytes_, &out);
  std::vector<std::pair<Key, std::string>> ids(open.ids.begin(), open.ids.end());
  std::ranges::sort(ids);
  PutNumber(ids.size(), &out);
  for (const auto& [key, text] : ids) {
    PutNumber(key, &out);
    PutNumber(text.size(), &out);
    out.append(text);
  }
  return out;
}

std::string SharedState::TakeDelta(std::int64_t epoch_end_ms) {
  std::string out = EncodeDelta(epoch_end_ms);
  open_.erase(epoch_end_ms);
  return out;
}

void SharedState::SetExclusive(bool exclusive) {
  timeline_->SetExclusive(exclusive);
  if (!exclusive && epoch_end_ms_ != INT64_MIN) timeline_->Publish(epoch_end_ms_);
}

// Gives the rows of a delta, and then the texts of its ids, to whoever takes them. `prefetch`: fetch ahead what the
// sealed tables have of them.
template <typename Item, typename Entity, typename Shop, typename Id>
Status SharedState::ReadDelta(std::string_view delta, bool prefetch, Item&& item, Entity&& entity, Shop&& shop,
                              Id&& id) const {
  ByteReader r{delta};
  std::vector<std::uint64_t> rows;
  const auto bytes = [&](std::size_t word) { return reinterpret_cast<const std::byte*>(rows.data() + word); };
  const auto take = [&](std::size_t row_bytes, const VersionedTable& table, const auto& each) {
    const std::size_t words = (row_bytes + 7) / 8;
    Key keys[kBatch];
    for (std::uint64_t left = r.Number<std::uint64_t>(); left > 0 && !r.bad;) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kBatch, left));
      rows.assign(n * words, 0);
      for (std::size_t i = 0; i < n; ++i) {
        keys[i] = r.Number<std::uint64_t>();
        TakeRow(r, std::span(rows).subspan(i * words, words));
        r.bad = r.bad || keys[i] == 0;
      }
      if (r.bad) return;
      if (prefetch) table.Prefetch({keys, n});
      for (std::size_t i = 0; i < n; ++i) each(keys[i], bytes(i * words));
      left -= n;
    }
  };
  take(item_delta_bytes_, items_, item);
  for (std::size_t e = 0; e < entities_.size(); ++e) {
    take(features_->entities[e].row_bytes, *entities_[e],
         [&](Key key, const std::byte* from) { entity(e, key, from); });
  }
  rows.assign((shop_bytes_ + 7) / 8, 0);
  TakeRow(r, rows);
  if (!r.bad) shop(bytes(0));
  for (std::uint64_t n = r.Number<std::uint64_t>(); n > 0 && !r.bad; --n) {
    const Key key = r.Number<std::uint64_t>();
    const std::uint64_t size = r.Number<std::uint64_t>();
    if (const std::string_view text = r.Take(size); !r.bad) id(key, text);
  }
  if (r.bad || !r.left.empty()) return Error{ErrorCode::kCorrupt, "an epoch's bytes are not what was written"};
  return {};
}

Status SharedState::AddDelta(std::int64_t epoch_end_ms, std::string_view delta) {
  Open& open = OpenAt(epoch_end_ms);
  return ReadDelta(
      delta, /*prefetch=*/false, [&](Key key, const std::byte* from) { MergeItem(from, open.items.Get(key)); },
      [&](std::size_t e, Key key, const std::byte* from) {
        std::byte* into = open.entities[e].Get(key);
        for (const auto& [f, shop_at] : by_entity_[e]) f->view->Merge(from + f->offset, into + f->offset);
      },
      [&](const std::byte* from) {
        for (const auto& folded : by_entity_) {
          for (const auto& [f, shop_at] : folded) {
            if (shop_at != kNoShop) f->view->Merge(from + shop_at, open.shop.data() + shop_at);
          }
        }
      },
      [&](Key key, std::string_view text) { open.ids.try_emplace(key, text); });
}

Status SharedState::SealDelta(std::int64_t epoch_end_ms, std::string_view delta) {
  return ReadDelta(
      delta, /*prefetch=*/true,
      [&](Key key, const std::byte* from) { SealItem(epoch_end_ms, from, Write(kItems, key, epoch_end_ms)); },
      [&](std::size_t e, Key key, const std::byte* from) { SealEntity(epoch_end_ms, e, key, from); },
      [&](const std::byte* from) { SealShop(epoch_end_ms, from); },
      [&](Key key, std::string_view text) {
        if (const std::uint32_t id = items_.IdOf(key); id != VersionedTable::kNoId) texts_.Set(id, text);
      });
}

}  // namespace gfr
