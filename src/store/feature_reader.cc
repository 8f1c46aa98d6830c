#include "store/feature_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace gfr {

FeatureReader::FeatureReader(std::shared_ptr<const FeatureSet> features, RowReader& users, RowReader& rows,
                             const SharedState& shared)
    : features_(std::move(features)), layout_(*features_), users_(users), shared_rows_(rows), shared_(shared) {}

void FeatureReader::FindUser(Key user, Key session, ReadLease* lease) const {
  const std::byte* alias = nullptr;
  lease->user_row = lease->session_row = nullptr;
  for (bool first = true;; first = false) {
    const std::array<Key, 1> users{user}, sessions{SessionKey(user, session)};
    const std::array<RowQuery, 3> queries{RowQuery{kUsers, users, {&lease->user_row, 1}},
                                          RowQuery{kSessions, sessions, {&lease->session_row, 1}},
                                          RowQuery{kAliases, users, {&alias, 1}}};
    if (first)
      users_.Fetch(queries, &lease->users);
    else
      users_.FetchMore(queries, &lease->users);
    if (alias == nullptr) break;
    std::memcpy(&user, alias, sizeof user);  // An id joined to another; the chain has no cycle (OnlineStore).
  }
  lease->user = user;
  if (lease->user_row && RowLayout::User(lease->user_row).known == 0) lease->user_row = nullptr;
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

void FeatureReader::FindRows(const ReadRequest& request, ReadLease* lease) const {
  const std::size_t n = request.items.size(), properties = features_->schema.item_names.size(),
                    entities = features_->entities.size();
  lease->keys.resize(n);
  for (std::size_t i = 0; i < n; ++i) lease->keys[i] = KeyOf(request.items[i].item_id);
  lease->items.assign(n, nullptr);
  lease->shop = nullptr;
  const Key shop_key = 1;
  const std::array<RowQuery, 2> first{RowQuery{SharedState::kItems, lease->keys, lease->items},
                                      RowQuery{SharedState::kShop, {&shop_key, 1}, {&lease->shop, 1}}};
  shared_rows_.Fetch(first, &lease->shared);
  if (lease->session_row && RowLayout::SessionIsOver(lease->session_row, request.now_ms)) lease->session_row = nullptr;
  FillProperties(request, lease);

  lease->entity_keys.resize(entities * n);
  lease->entity_rows.assign(entities * n, nullptr);
  std::vector<RowQuery> queries;
  for (std::size_t e = 0; e < entities; ++e) {
    for (std::size_t i = 0; i < n; ++i)
      lease->entity_keys[e * n + i] =
          features_->entities[e].KeyFor({lease->keys[i],
                                         {&lease->item_properties[i * properties], properties},
                                         lease->user_properties,
                                         request.surface,
                                         LastItem(*lease)});
    queries.push_back({SharedState::kEntities + static_cast<std::uint32_t>(e),
                       {lease->entity_keys.data() + e * n, n},
                       {lease->entity_rows.data() + e * n, n}});
  }
  if (n > 0 && entities > 0) shared_rows_.FetchMore(queries, &lease->shared);
}

Key FeatureReader::LastItem(const ReadLease& lease) {
  return lease.session_row ? RowLayout::Session(lease.session_row).last_item : 0;
}

void FeatureReader::Read(const ReadRequest& request, ReadLease* lease, float* out) const {
  FindRows(request, lease);
  if (lease->degraded()) {  // All rows or none, so that a replay can give the same values: those of before the log.
    lease->user_row = lease->session_row = lease->shop = nullptr;
    lease->items.assign(lease->items.size(), nullptr);
    lease->entity_rows.assign(lease->entity_rows.size(), nullptr);
    FillProperties(request, lease);
  }
  const std::size_t n = request.items.size(), columns = features_->columns();
  const ReadContext context{.now_ms = request.now_ms,
                            .epoch_end_ms = lease->epoch_end_ms() != Timeline::kNothing || lease->degraded()
                                                ? lease->epoch_end_ms()
                                                : replayed_epoch_ms_,
                            .items = lease->keys,
                            .item_properties = lease->item_properties.data(),
                            .item_property_count = features_->schema.item_names.size(),
                            .user_properties = lease->user_properties,
                            .supplied = request.supplied,
                            .item_vectors = lease->item_vectors.data(),
                            .request_properties = lease->request_properties,
                            .request_item_properties = lease->request_item_properties.data(),
                            .request_item_property_count = features_->schema.request_item_names.size(),
                            .surface = request.surface,
                            .last_item = LastItem(*lease)};

  lease->rows.resize(n);
  lease->parents.resize(n);
  for (std::size_t k = 0; k < columns; ++k) {
    const BoundFeature& f = features_->features[k];
    const Scope scope = f.view->spec().scope;
    const std::byte* own = nullptr;
    if (scope == Scope::kUser && lease->user_row) own = lease->user_row + layout_.user_views_at + f.offset;
    if (scope == Scope::kSession && lease->session_row)
      own = lease->session_row + RowLayout::session_views_at + f.offset;
    const auto of_entity = [&](const BoundFeature& of, std::size_t i) {
      const std::byte* row = lease->entity_rows[static_cast<std::size_t>(of.entity) * n + i];
      return row ? row + of.offset : nullptr;
    };
    for (std::size_t i = 0; i < n; ++i) lease->rows[i] = f.entity >= 0 ? of_entity(f, i) : own;
    for (std::size_t i = 0; f.parent >= 0 && i < n; ++i)
      lease->parents[i] = of_entity(features_->parents[static_cast<std::size_t>(f.parent)], i);
    const std::byte* shop = f.entity >= 0 && lease->shop ? lease->shop + shared_.ShopOffset(k) : nullptr;
    f.view->Read(context, {lease->rows, shop, {lease->parents.data(), f.parent >= 0 ? n : 0}}, {out + k, columns});
  }
}

}  // namespace gfr
