#include "store/online_store.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace gfr {
namespace {

constexpr std::size_t kRecentItems = 32;
constexpr double kPopularityHalfLifeMs = 24.0 * 3600 * 1000;

PropertyValue ToValue(const Property& p, bool categorical) {
  PropertyValue value;
  if (!categorical) {
    value.number = p.number;
  } else if (!p.text.empty()) {
    value.category = KeyOf(p.text);
  } else if (!std::isnan(p.number)) {
    value.category = KeyOf(std::to_string(static_cast<std::int64_t>(p.number)));
  }
  return value;
}

bool Known(const PropertyValue& v) { return v.category != 0 || !std::isnan(v.number); }

void Override(std::vector<PropertyValue>& values, const std::vector<PropertyValue>& by) {
  for (std::size_t p = 0; p < values.size(); ++p) {
    if (Known(by[p])) values[p] = by[p];
  }
}

bool IsTouch(EventType type) {
  return type == EventType::kFeedClick || type == EventType::kItemView || type == EventType::kCartAdd ||
         type == EventType::kWishlistAdd || type == EventType::kPurchase;
}

}  // namespace

std::byte* StateTable::Get(Key key) {
  auto& row = rows_[key];
  if (!row) row = std::make_unique<std::uint64_t[]>(row_bytes_ / 8 + 1);
  return reinterpret_cast<std::byte*>(row.get());
}

const std::byte* StateTable::Find(Key key) const {
  const auto at = rows_.find(key);
  return at == rows_.end() ? nullptr : reinterpret_cast<const std::byte*>(at->second.get());
}

OnlineStore::OnlineStore(std::shared_ptr<const FeatureSet> features)
    : features_(std::move(features)), users_(features_->user_row_bytes), sessions_(features_->session_row_bytes) {
  for (const SharedEntity& entity : features_->entities) shared_.emplace_back(entity.row_bytes);
  for (const BoundFeature& f : features_->features)
    totals_.emplace_back(f.entity >= 0 ? f.view->spec().state_bytes / 8 : 0);
}

// The catalogue's properties of the item, with the event's own price and properties over them.
std::vector<PropertyValue> OnlineStore::ItemProperties(const EventItem& item) const {
  const PropertySchema& schema = features_->schema;
  std::vector<PropertyValue> values(schema.item_names.size());
  if (const auto at = items_.find(KeyOf(item.item_id)); at != items_.end() && !at->second.properties.empty())
    values = at->second.properties;
  if (!std::isnan(item.price)) values[0].number = item.price;
  for (const Property& p : item.properties) {
    if (const int k = schema.FindItem(p.name); k >= 0) values[k] = ToValue(p, schema.item_categorical[k]);
  }
  return values;
}

std::vector<PropertyValue> OnlineStore::UserProperties(Key user, std::span<const Property> context) const {
  const PropertySchema& schema = features_->schema;
  std::vector<PropertyValue> values(schema.user_names.size());
  if (const auto at = user_properties_.find(user); at != user_properties_.end()) values = at->second;
  for (const Property& p : context) {
    if (const int k = schema.FindUser(p.name); k >= 0) values[k] = ToValue(p, schema.user_categorical[k]);
  }
  return values;
}

std::span<const Key> OnlineStore::RecentItems(Key user) const {
  const auto at = recent_.find(user);
  return at == recent_.end() ? std::span<const Key>() : std::span<const Key>(at->second);
}

void OnlineStore::Fold(const LogRecord& record) {
  const Event& event = record.event;
  next_offset_ = static_cast<std::int64_t>(record.offset) + 1;
  last_arrival_ms_ = record.arrival_ms;
  AdvanceTo(EpochEndAt(record.arrival_ms));
  if (event.type == EventType::kFeedRequest) return;

  if (event.type == EventType::kItemUpdate) {
    for (const EventItem& item : event.items) {
      PendingLine pending{.arrival_ms = record.arrival_ms,
                          .line = {.type = event.type,
                                   .kind = 0,
                                   .item = KeyOf(item.item_id),
                                   .time_ms = event.time_ms,
                                   .index = -1,
                                   .step = false},
                          .item_id = item.item_id,
                          .catalogue = true};
      pending.update.resize(features_->schema.item_names.size());
      if (!std::isnan(item.price)) pending.update[0].number = item.price;
      for (const Property& p : item.properties) {
        if (const int k = features_->schema.FindItem(p.name); k >= 0)
          pending.update[k] = ToValue(p, features_->schema.item_categorical[k]);
      }
      pending_.push_back(std::move(pending));
    }
    return;
  }

  const Key user = KeyOf(event.user_id), session = KeyOf(event.session_id);
  const std::vector<PropertyValue> user_properties = UserProperties(user, event.context);
  if (user != 0) user_properties_[user] = user_properties;

  EventLine line{.type = event.type,
                 .kind = KeyOf(event.kind),
                 .item = 0,
                 .time_ms = event.time_ms,
                 .index = -1,
                 .step = event.type != EventType::kFeedImpression};
  if (event.items.empty()) {
    const std::vector<PropertyValue> none(features_->schema.item_names.size());
    line.item_properties = none;
    FoldLine(line, user, session);
    pending_.push_back({.arrival_ms = record.arrival_ms,
                        .line = line,
                        .item_properties = none,
                        .user_properties = user_properties,
                        .catalogue = false});
    return;
  }
  for (const EventItem& item : event.items) {
    PendingLine pending{.arrival_ms = record.arrival_ms,
                        .line = line,
                        .item_properties = ItemProperties(item),
                        .user_properties = user_properties,
                        .item_id = item.item_id,
                        .catalogue = false};
    pending.line.item = KeyOf(item.item_id);
    pending.line.index = item.index;
    pending.line.item_properties = pending.item_properties;
    FoldLine(pending.line, user, session);
    if (features_->schema.price_from_impressions && event.type == EventType::kFeedImpression &&
        !std::isnan(item.price)) {
      pending.update.resize(features_->schema.item_names.size());
      pending.update[0].number = item.price;
    }
    if (IsTouch(event.type) && user != 0) {
      std::vector<Key>& recent = recent_[user];
      std::erase(recent, pending.line.item);
      recent.insert(recent.begin(), pending.line.item);
      if (recent.size() > kRecentItems) recent.pop_back();
    }
    pending_.push_back(std::move(pending));
    line.step = false;
  }
}

void OnlineStore::FoldLine(const EventLine& line, Key user, Key session) {
  std::byte* user_row = user != 0 && features_->user_row_bytes > 0 ? users_.Get(user) : nullptr;
  std::byte* session_row = session != 0 && features_->session_row_bytes > 0 ? sessions_.Get(session) : nullptr;
  for (const BoundFeature& f : features_->features) {
    const FeatureSpec& spec = f.view->spec();
    if (spec.scope == Scope::kUser && user_row && spec.state_bytes > 0) f.view->Fold(line, user_row + f.offset);
    if (spec.scope == Scope::kSession && session_row && spec.state_bytes > 0)
      f.view->Fold(line, session_row + f.offset);
  }
}

void OnlineStore::AdvanceTo(std::int64_t epoch_end_ms) {
  if (epoch_end_ms <= epoch_end_ms_) return;
  while (!pending_.empty() && pending_.front().arrival_ms < epoch_end_ms) {
    Apply(pending_.front());
    pending_.pop_front();
  }
  epoch_end_ms_ = epoch_end_ms;
}

void OnlineStore::Apply(const PendingLine& pending) {
  EventLine line = pending.line;
  line.item_properties = pending.item_properties;
  if (line.item != 0) {
    ItemSummary& item = items_[line.item];
    if (item.id.empty()) {
      item.id = pending.item_id;
      item.first_seen_ms = pending.arrival_ms;
      item.properties.resize(features_->schema.item_names.size());
    }
    if (!pending.update.empty()) Override(item.properties, pending.update);
    item.impressions += line.type == EventType::kFeedImpression;
    item.clicks += line.type == EventType::kFeedClick;
    if (line.type == EventType::kFeedClick || line.type == EventType::kPurchase || line.type == EventType::kItemView) {
      const std::int64_t age = std::max<std::int64_t>(0, pending.arrival_ms - item.popularity_ms);
      item.popularity = item.popularity * Exp2(-static_cast<double>(age) / kPopularityHalfLifeMs) + 1.0;
      item.popularity_ms = pending.arrival_ms;
    }
  }
  if (pending.catalogue) return;
  for (std::size_t k = 0; k < features_->features.size(); ++k) {
    const BoundFeature& f = features_->features[k];
    if (f.entity < 0) continue;
    const SharedEntity& entity = features_->entities[f.entity];
    f.view->Fold(line, reinterpret_cast<std::byte*>(totals_[k].data()));
    if (line.item == 0 && entity.needs_item()) continue;
    const Key key = entity.KeyFor({line.item, pending.item_properties, pending.user_properties});
    if (key != 0) f.view->Fold(line, shared_[f.entity].Get(key) + f.offset);
  }
}

void OnlineStore::Read(const ReadRequest& request, float* out) {
  assert(request.epoch_end_ms == epoch_end_ms_);
  const std::size_t n = request.items.size(), columns = features_->columns(),
                    properties = features_->schema.item_names.size();
  std::vector<Key> keys(n);
  std::vector<PropertyValue> item_properties;
  item_properties.reserve(n * properties);
  for (std::size_t i = 0; i < n; ++i) {
    keys[i] = KeyOf(request.items[i].item_id);
    const std::vector<PropertyValue> values = ItemProperties(request.items[i]);
    item_properties.insert(item_properties.end(), values.begin(), values.end());
  }
  const std::vector<PropertyValue> user_properties = UserProperties(request.user, request.context);
  const ReadContext context{request.now_ms,  request.epoch_end_ms, keys, item_properties.data(), properties,
                            user_properties, request.supplied};

  const std::byte* user_row = request.user ? users_.Find(request.user) : nullptr;
  const std::byte* session_row = request.session ? sessions_.Find(request.session) : nullptr;
  std::vector<std::vector<const std::byte*>> entity_rows(features_->entities.size(), std::vector<const std::byte*>(n));
  for (std::size_t e = 0; e < entity_rows.size(); ++e) {
    for (std::size_t i = 0; i < n; ++i) {
      const Key key =
          features_->entities[e].KeyFor({keys[i], {&item_properties[i * properties], properties}, user_properties});
      entity_rows[e][i] = key ? shared_[e].Find(key) : nullptr;
    }
  }
  std::vector<const std::byte*> rows(n);
  for (std::size_t k = 0; k < columns; ++k) {
    const BoundFeature& f = features_->features[k];
    const std::byte* one = f.view->spec().scope == Scope::kUser      ? user_row
                           : f.view->spec().scope == Scope::kSession ? session_row
                                                                     : nullptr;
    for (std::size_t i = 0; i < n; ++i) {
      const std::byte* row = f.entity >= 0 ? entity_rows[f.entity][i] : one;
      rows[i] = row ? row + f.offset : nullptr;
    }
    f.view->Read(context, {rows, f.entity >= 0 ? reinterpret_cast<const std::byte*>(totals_[k].data()) : nullptr},
                 {out + k, columns});
  }
}

}  // namespace gfr
