#include "state/feature_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "feature/feature_types.h"
#include "state/login_text.h"

namespace gfr {
namespace {

bool IsOfItemAlone(const SharedEntity& entity) {
  return std::ranges::all_of(entity.parts, [](const SharedEntity::Of& of) {
    return of.part == SharedEntity::Part::kItem || of.part == SharedEntity::Part::kItemProperty;
  });
}

// Whether epoch and item say the value: it is of the states of entities that the item names (or of the whole shop),
// or an attribute as it is.
bool IsOfItemAlone(const BoundFeature& f, const FeatureSet& set) {
  const auto of = [&](int entity) { return IsOfItemAlone(set.entities[static_cast<std::size_t>(entity)]); };
  if (f.entity < 0) return FindFeatureType(f.config->type)->of_item_alone && f.config->in_slate.empty();
  return of(f.entity) && (f.parent < 0 || of(set.parents[static_cast<std::size_t>(f.parent)].entity));
}

}  // namespace

FeatureReader::FeatureReader(std::shared_ptr<const FeatureSet> features, RowReader& users, RowReader& rows,
                             const SharedState& shared, std::size_t prepared_bytes)
    : features_(std::move(features)),
      layout_(*features_),
      users_(users),
      shared_rows_(rows),
      shared_(shared),
      is_item_column_(features_->columns()),
      is_read_by_item_(features_->entities.size(), 1) {
  for (std::uint32_t k = 0; k < features_->columns(); ++k) {
    const BoundFeature& f = features_->features[k];
    is_item_column_[k] = IsOfItemAlone(f, *features_);
    if (is_item_column_[k]) {
      item_columns_.push_back(k);
      continue;
    }
    if (f.entity >= 0) is_read_by_item_[static_cast<std::size_t>(f.entity)] = 0;
    if (f.parent >= 0)
      is_read_by_item_[static_cast<std::size_t>(features_->parents[static_cast<std::size_t>(f.parent)].entity)] = 0;
  }
  if (prepared_bytes > 0 && !item_columns_.empty())
    prepared_ = std::make_unique<PreparedItems>(item_columns_.size(), prepared_bytes);
}

void FeatureReader::FindUser(Key user, Key session, ReadLease* lease) const {
  const std::byte* alias = nullptr;
  lease->user_row = lease->session_row = lease->hidden_row = nullptr;
  for (bool first = true;; first = false) {
    const std::array<Key, 1> users{user}, sessions{SessionKey(user, session)};
    const std::array<Key, 1> owners{user != 0 ? user : sessions[0]};
    const std::array<RowQuery, 4> queries{
        RowQuery{kUsers, users, {&lease->user_row, 1}}, RowQuery{kSessions, sessions, {&lease->session_row, 1}},
        RowQuery{kAliases, users, {&alias, 1}}, RowQuery{kHidden, owners, {&lease->hidden_row, 1}}};
    if (first)
      users_.Fetch(queries, &lease->users);
    else
      users_.FetchMore(queries, &lease->users);
    if (alias == nullptr) {
      lease->login.clear();
      if (!first) FindLogin(user, lease);
      break;
    }
    std::memcpy(&user, alias, sizeof user);  // An id joined to another; the chain has no cycle (OnlineStore).
  }
  lease->user = user;
  if (lease->user_row && RowLayout::User(lease->user_row).known == 0) lease->user_row = nullptr;
}

void FeatureReader::FindLogin(Key login, ReadLease* lease) const {
  lease->login = ReadLoginText(login, [&](Key key) {
    const std::byte* row = nullptr;
    const std::array<RowQuery, 1> query{RowQuery{kLogins, {&key, 1}, {&row, 1}}};
    users_.FetchMore(query, &lease->users);
    return row;
  });
}

// A candidate's own vectors over the catalogue's.
void FeatureReader::OwnVectors(const ReadRequest& request, ReadLease* lease) const {
  const PropertySchema& schema = features_->schema;
  const std::size_t width = schema.vector_width;
  if (width == 0) return;
  lease->own_vectors.resize(request.items.size() * width);
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    float* own = lease->own_vectors.data() + i * width;
    if (const float* known = lease->item_vectors[i])
      std::copy(known, known + width, own);
    else
      std::fill(own, own + width, kMissing);
    if (schema.ReadVectors(request.items[i].properties, own)) lease->item_vectors[i] = own;
  }
}

// What request and rows say of the items, the user and the request itself.
void FeatureReader::FillProperties(const ReadRequest& request, ReadLease* lease) const {
  const PropertySchema& schema = features_->schema;
  const std::size_t n = request.items.size(), properties = schema.item_names.size();
  lease->item_properties.assign(n * properties, {});
  lease->item_vectors.assign(n, nullptr);
  for (std::size_t i = 0; i < n; ++i) {
    const std::span<PropertyValue> values(&lease->item_properties[i * properties], properties);
    if (const std::byte* row = lease->items[i]) {
      std::ranges::copy(shared_.Properties(row), values.begin());
      lease->item_vectors[i] = shared_.Vectors(row);
    }
    OverrideItem(request.items[i], schema, values);
  }
  OwnVectors(request, lease);
  lease->user_properties.assign(schema.user_names.size(), {});
  if (lease->user_row) std::ranges::copy(layout_.UserProperties(lease->user_row), lease->user_properties.begin());
  OverrideUser(request.context, schema, lease->user_properties);
  lease->request_properties.assign(schema.request_names.size(), {});
  schema.ReadRequest(request.context, lease->request_properties);
  const std::size_t said = schema.request_item_names.size();
  lease->request_item_properties.assign(n * said, {});
  for (std::size_t i = 0; i < n && said > 0; ++i)
    schema.ReadRequestItem(request.items[i].properties, {&lease->request_item_properties[i * said], said});
}

void FeatureReader::FindItemRows(std::span<const Key> items, bool more, ReadLease* lease,
                                 std::span<const std::byte*> rows) const {
  const std::array<RowQuery, 1> query{RowQuery{SharedState::kItems, items, rows}};
  if (more)
    shared_rows_.FetchMore(query, &lease->shared);
  else
    shared_rows_.Fetch(query, &lease->shared);
}

void FeatureReader::FetchItems(const ReadRequest& request, ReadLease* lease) const {
  lease->items.assign(lease->keys.size(), nullptr);
  lease->shop = nullptr;
  const Key shop_key = 1;
  const std::array<RowQuery, 2> first{RowQuery{SharedState::kItems, lease->keys, lease->items},
                                      RowQuery{SharedState::kShop, {&shop_key, 1}, {&lease->shop, 1}}};
  shared_rows_.Fetch(first, &lease->shared);
  if (lease->session_row && RowLayout::SessionIsOver(lease->session_row, request.now_ms)) lease->session_row = nullptr;
}

void FeatureReader::FindEntities(const ReadRequest& request, ReadLease* lease) const {
  const std::size_t n = request.items.size(), properties = features_->schema.item_names.size(),
                    entities = features_->entities.size();
  lease->entity_keys.resize(entities * n);
  lease->entity_rows.assign(entities * n, nullptr);
  std::vector<RowQuery> queries;
  const bool all_prepared = std::ranges::find(lease->is_prepared, 0) == lease->is_prepared.end();
  for (std::size_t e = 0; e < entities; ++e) {
    if (all_prepared && is_read_by_item_[e]) continue;
    for (std::size_t i = 0; i < n; ++i)
      lease->entity_keys[e * n + i] =
          is_read_by_item_[e] && lease->is_prepared[i]
              ? 0
              : features_->entities[e].KeyFor({lease->keys[i],
                                               {&lease->item_properties[i * properties], properties},
                                               lease->user_properties,
                                               request.surface,
                                               LastItem(*lease)});
    queries.push_back({SharedState::kEntities + static_cast<std::uint32_t>(e),
                       {lease->entity_keys.data() + e * n, n},
                       {lease->entity_rows.data() + e * n, n}});
  }
  if (n > 0 && !queries.empty()) shared_rows_.FetchMore(queries, &lease->shared);
}

Key FeatureReader::LastItem(const ReadLease& lease) {
  return lease.session_row ? RowLayout::Session(lease.session_row).last_item : 0;
}

std::shared_ptr<PreparedItems::Epoch> FeatureReader::TakePrepared(const ReadRequest& request, ReadLease* lease,
                                                                  float* out) const {
  const std::size_t n = request.items.size(), properties = features_->schema.item_names.size();
  lease->is_prepared.assign(n, 0);
  lease->missed.clear();
  if (!prepared_ || lease->epoch_end_ms() == Timeline::kNothing) return nullptr;
  auto prepared = prepared_->At(lease->epoch_end_ms(), shared_.item_count());
  if (!prepared) return nullptr;
  lease->ids.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const EventItem& item = request.items[i];
    const std::byte* row = lease->items[i];
    const bool is_said = !std::isnan(item.price) || !item.properties.empty();
    const bool is_known = row != nullptr && (!is_said || std::memcmp(&lease->item_properties[i * properties],
                                                                     shared_.Properties(row).data(),
                                                                     properties * sizeof(PropertyValue)) == 0);
    lease->ids[i] = is_known ? VersionedTable::IdOf(row) : VersionedTable::kNoId;
  }
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < n; ++i) {
    if (i + kAhead < n && lease->ids[i + kAhead] != VersionedTable::kNoId) prepared->Prefetch(lease->ids[i + kAhead]);
    const float* values = lease->ids[i] == VersionedTable::kNoId ? nullptr : prepared->Find(lease->ids[i]);
    lease->is_prepared[i] = values != nullptr;
    if (!values) {
      lease->missed.push_back(static_cast<std::uint32_t>(i));
      continue;
    }
    float* to = out + i * features_->columns();
    for (const std::uint32_t k : item_columns_) to[k] = *values++;
  }
  return prepared;
}

void FeatureReader::Prepare(const ReadContext& context, ReadLease* lease, PreparedItems::Epoch& into,
                            float* out) const {
  const std::size_t missed = lease->missed.size(), columns = item_columns_.size(),
                    properties = context.item_property_count;
  lease->missed_keys.resize(missed);
  lease->missed_properties.resize(missed * properties);
  lease->missed_values.resize(missed * columns);
  for (std::size_t m = 0; m < missed; ++m) {
    lease->missed_keys[m] = context.items[lease->missed[m]];
    std::copy_n(context.item_properties + lease->missed[m] * properties, properties,
                lease->missed_properties.data() + m * properties);
  }
  ReadContext of_missed = context;  // Of which views of these columns read no more than this.
  of_missed.items = lease->missed_keys;
  of_missed.item_properties = lease->missed_properties.data();
  of_missed.item_vectors = nullptr;
  of_missed.request_item_properties = nullptr;
  for (std::size_t j = 0; j < columns; ++j)
    ReadColumn(item_columns_[j], of_missed, [&](std::size_t m) { return lease->missed[m]; }, lease,
               {lease->missed_values.data() + j, columns});
  for (std::size_t m = 0; m < missed; ++m) {
    const float* values = lease->missed_values.data() + m * columns;
    const std::uint32_t i = lease->missed[m];
    for (std::size_t j = 0; j < columns; ++j) out[i * features_->columns() + item_columns_[j]] = values[j];
    if (lease->ids[i] != VersionedTable::kNoId) into.Put(lease->ids[i], values);
  }
}

template <typename Candidate>
void FeatureReader::ReadColumn(std::size_t k, const ReadContext& context, Candidate&& candidate, ReadLease* lease,
                               Column out) const {
  const std::size_t n = context.items.size(), stride = lease->keys.size();
  const BoundFeature& f = features_->features[k];
  const Scope scope = f.view->spec().scope;
  const std::byte* own = nullptr;
  if (scope == Scope::kUser && lease->user_row) own = lease->user_row + layout_.user_views_at + f.offset;
  if (scope == Scope::kSession && lease->session_row) own = lease->session_row + RowLayout::session_views_at + f.offset;
  const auto of_entity = [&](const BoundFeature& of, std::size_t i) {
    const std::byte* row = lease->entity_rows[static_cast<std::size_t>(of.entity) * stride + candidate(i)];
    return row ? row + of.offset : nullptr;
  };
  for (std::size_t i = 0; i < n; ++i) lease->rows[i] = f.entity >= 0 ? of_entity(f, i) : own;
  for (std::size_t i = 0; f.parent >= 0 && i < n; ++i)
    lease->parents[i] = of_entity(features_->parents[static_cast<std::size_t>(f.parent)], i);
  const std::byte* shop = f.entity >= 0 && lease->shop ? lease->shop + shared_.ShopOffset(k) : nullptr;
  f.view->Read(context, {{lease->rows.data(), n}, shop, {lease->parents.data(), f.parent >= 0 ? n : 0}}, out);
}

ReadContext FeatureReader::ContextOf(const ReadRequest& request, const ReadLease& lease) const {
  return {.now_ms = request.now_ms,
          .epoch_end_ms = lease.epoch_end_ms() != Timeline::kNothing || lease.degraded() ? lease.epoch_end_ms()
                                                                                         : replayed_epoch_ms_,
          .items = lease.keys,
          .item_properties = lease.item_properties.data(),
          .item_property_count = features_->schema.item_names.size(),
          .user_properties = lease.user_properties,
          .supplied = request.supplied,
          .item_vectors = lease.item_vectors.data(),
          .request_properties = lease.request_properties,
          .request_item_properties = lease.request_item_properties.data(),
          .request_item_property_count = features_->schema.request_item_names.size(),
          .surface = request.surface,
          .last_item = LastItem(lease)};
}

void FeatureReader::PrepareItems(std::span<const Key> items) const {
  if (!prepared_) return;
  constexpr std::size_t kBatch = 256;  // Rows stay in the nearest caches.
  const std::vector<EventItem> nothing_said(std::min(kBatch, items.size()));
  std::vector<float> values(nothing_said.size() * features_->columns());
  ReadLease lease;
  for (std::size_t begin = 0; begin < items.size(); begin += kBatch) {
    const auto batch = items.subspan(begin, std::min(kBatch, items.size() - begin));
    const ReadRequest request{.items = std::span(nothing_said).first(batch.size())};
    lease.keys.assign(batch.begin(), batch.end());
    FetchItems(request, &lease);
    FillProperties(request, &lease);
    const auto prepared = TakePrepared(request, &lease, values.data());
    if (!prepared || lease.missed.empty()) continue;
    FindEntities(request, &lease);
    lease.rows.resize(batch.size());
    lease.parents.resize(batch.size());
    Prepare(ContextOf(request, lease), &lease, *prepared, values.data());
  }
}

void FeatureReader::FindItems(const ReadRequest& request, ReadLease* lease) const {
  lease->keys.resize(request.items.size());
  for (std::size_t i = 0; i < request.items.size(); ++i) lease->keys[i] = KeyOf(request.items[i].item_id);
  FetchItems(request, lease);
}

void FeatureReader::ReadFound(const ReadRequest& request, ReadLease* lease, float* out) const {
  FillProperties(request, lease);
  const auto prepared = TakePrepared(request, lease, out);
  FindEntities(request, lease);
  if (lease->degraded()) {  // All rows or none, so that a replay can give the same values: those of before the log.
    lease->user_row = lease->session_row = lease->shop = nullptr;
    lease->items.assign(lease->items.size(), nullptr);
    lease->entity_rows.assign(lease->entity_rows.size(), nullptr);
    FillProperties(request, lease);
  }
  const std::size_t n = request.items.size(), columns = features_->columns();
  const ReadContext context = ContextOf(request, *lease);
  lease->rows.resize(n);
  lease->parents.resize(n);
  for (std::size_t k = 0; k < columns; ++k) {
    if (prepared && is_item_column_[k]) continue;
    ReadColumn(k, context, [](std::size_t i) { return i; }, lease, {out + k, columns});
  }
  if (!lease->missed.empty()) Prepare(context, lease, *prepared, out);
}

}  // namespace gfr
