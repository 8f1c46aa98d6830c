#include "store/online_store.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>

namespace gfr {

// Of a user's row: its properties and the views' states lie behind. Zero when new; `known` once it is filled.
struct OnlineStore::UserHeader {
  std::uint64_t known;
  std::array<Key, 16> recent;  // Newest first; 0: none.
};
struct OnlineStore::SessionHeader {
  Key user;  // 0: nobody's.
  Key last_item;
  std::int64_t last_arrival_ms;
};

namespace {

constexpr std::int64_t kSessionIdleMs = 24 * 3600 * 1000;

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

bool IsTouch(EventType type) {
  return type == EventType::kFeedClick || type == EventType::kItemView || type == EventType::kCartAdd ||
         type == EventType::kWishlistAdd || type == EventType::kPurchase;
}

// What the event's own item says of the catalogue's properties.
void Override(const EventItem& item, const PropertySchema& schema, std::span<PropertyValue> values) {
  if (!std::isnan(item.price)) values[0].number = item.price;
  for (const Property& p : item.properties) {
    if (const int k = schema.FindItem(p.name); k >= 0)
      values[static_cast<std::size_t>(k)] = ToValue(p, schema.item_categorical[static_cast<std::size_t>(k)]);
  }
}

std::int64_t Money(double price, std::int32_t quantity) {
  const double minor = std::round(price * quantity * 100.0);
  return std::fabs(minor) < 9e15 ? static_cast<std::int64_t>(minor) : kNoMoney;  // NaN too.
}

std::vector<std::vector<std::uint32_t>> ByType(const FeatureSet& set, Scope scope) {
  std::vector<std::vector<std::uint32_t>> lists(kEventTypes);
  for (std::size_t k = 0; k < set.features.size(); ++k) {
    const FeatureSpec& spec = set.features[k].view->spec();
    if (spec.scope != scope || spec.state_bytes == 0 || set.features[k].shares_state) continue;
    for (std::size_t t = 0; t < kEventTypes; ++t) {
      if (spec.event_types >> t & 1u) lists[t].push_back(static_cast<std::uint32_t>(k));
    }
  }
  return lists;
}

}  // namespace

OnlineStore::OnlineStore(std::shared_ptr<const FeatureSet> features, FoldParts parts, EpochSource* epochs)
    : features_(std::move(features)),
      parts_(parts),
      epochs_(epochs),
      user_views_at_(sizeof(UserHeader) + features_->schema.user_names.size() * sizeof(PropertyValue)),
      session_views_at_(sizeof(SessionHeader)),
      user_features_(ByType(*features_, Scope::kUser)),
      session_features_(ByType(*features_, Scope::kSession)),
      users_(user_views_at_ + (parts.user_views ? features_->user_row_bytes : 0)),
      sessions_(session_views_at_ + (parts.user_views ? features_->session_row_bytes : 0)),
      aliases_(sizeof(Key)),
      shared_(features_) {}

Key OnlineStore::Resolve(Key user) const {
  // A login can be joined to another; the chain has no cycle (Join).
  for (const std::byte* row = nullptr; (row = user ? aliases_.Find(user) : nullptr);) {
    Key to = 0;
    std::memcpy(&to, row, sizeof to);
    if (to == 0) return user;
    user = to;
  }
  return user;
}

bool OnlineStore::KnowsUser(Key user) const {
  user = Resolve(user);
  const std::byte* row = user ? users_.Find(user) : nullptr;
  return row && reinterpret_cast<const UserHeader*>(row)->known != 0;
}

std::byte* OnlineStore::UserRow(Key user) {
  if (user == 0) return nullptr;
  std::byte* row = users_.Get(user);
  auto& header = *reinterpret_cast<UserHeader*>(row);
  if (header.known == 0) {
    header.known = 1;
    auto* properties = reinterpret_cast<PropertyValue*>(row + sizeof(UserHeader));
    for (std::size_t p = 0; p < features_->schema.user_names.size(); ++p) new (properties + p) PropertyValue();
  }
  return row;
}

std::byte* OnlineStore::SessionRow(Key session, Key user, std::int64_t arrival_ms) {
  if (session == 0) return nullptr;
  std::byte* row = sessions_.Get(session);
  auto& header = *reinterpret_cast<SessionHeader*>(row);
  if (header.last_arrival_ms != 0 && arrival_ms - header.last_arrival_ms > kSessionIdleMs)
    std::memset(row, 0, sessions_.row_bytes());
  header.user = user;
  header.last_arrival_ms = std::max<std::int64_t>(arrival_ms, 1);
  return row;
}

const std::byte* OnlineStore::UserViews(Key user) const {
  const std::byte* row = user ? users_.Find(user) : nullptr;
  return row ? row + user_views_at_ : nullptr;
}

const std::byte* OnlineStore::SessionViews(Key session, std::int64_t now_ms) const {
  const std::byte* row = session ? sessions_.Find(session) : nullptr;
  if (!row) return nullptr;
  const auto& header = *reinterpret_cast<const SessionHeader*>(row);
  return header.last_arrival_ms == 0 || now_ms - header.last_arrival_ms > kSessionIdleMs ? nullptr
                                                                                         : row + session_views_at_;
}

std::span<const Key> OnlineStore::RecentItems(Key user) const {
  user = Resolve(user);
  const std::byte* row = user ? users_.Find(user) : nullptr;
  if (!row) return {};
  const auto& recent = reinterpret_cast<const UserHeader*>(row)->recent;
  return {recent.data(), static_cast<std::size_t>(std::ranges::find(recent, Key{0}) - recent.begin())};
}

std::vector<PropertyValue> OnlineStore::UserProperties(Key user, std::span<const Property> context) const {
  const PropertySchema& schema = features_->schema;
  std::vector<PropertyValue> values(schema.user_names.size());
  user = Resolve(user);
  if (KnowsUser(user)) {
    const std::byte* row = users_.Find(user);
    const auto* known = reinterpret_cast<const PropertyValue*>(row + sizeof(UserHeader));
    std::copy(known, known + values.size(), values.begin());
  }
  for (const Property& p : context) {
    if (const int k = schema.FindUser(p.name); k >= 0)
      values[static_cast<std::size_t>(k)] = ToValue(p, schema.user_categorical[static_cast<std::size_t>(k)]);
  }
  return values;
}

const float* OnlineStore::ItemValues(const EventItem& item, std::span<PropertyValue> values) const {
  std::ranges::fill(values, PropertyValue{});
  const float* known = nullptr;
  if (const std::byte* row = shared_.FindItem(KeyOf(item.item_id))) {
    std::ranges::copy(shared_.Properties(row), values.begin());
    known = shared_.Vectors(row);
  }
  Override(item, features_->schema, values);
  return known;
}

void OnlineStore::Fold(const LogRecord& record) {
  const Event& event = record.event;
  next_offset_ = static_cast<std::int64_t>(record.offset) + 1;
  last_arrival_ms_ = record.arrival_ms;
  AdvanceTo(EpochEndAt(record.arrival_ms));
  switch (event.type) {
    case EventType::kFeedRequest:
      return;
    case EventType::kItemUpdate:
      if (parts_.catalogue) FoldCatalogueOf(record);
      return;
    case EventType::kUserAlias:
      return Join(event, record.arrival_ms);
    case EventType::kUserDelete:
      return Forget(Resolve(KeyOf(event.user_id)));
    default:
      break;
  }
  if (parts_.catalogue) FoldCatalogueOf(record);

  const Key user = Resolve(KeyOf(event.user_id)), session = SessionKey(user, KeyOf(event.session_id));
  const std::vector<PropertyValue> user_properties = UserProperties(user, event.context);
  std::byte* user_row = UserRow(user);
  std::byte* session_row = SessionRow(session, user, record.arrival_ms);
  if (user_row) std::ranges::copy(user_properties, reinterpret_cast<PropertyValue*>(user_row + sizeof(UserHeader)));

  std::vector<PropertyValue> item_properties(features_->schema.item_names.size());
  EventLine line{.type = event.type,
                 .kind = KeyOf(event.kind),
                 .item = 0,
                 .time_ms = event.time_ms,
                 .index = -1,
                 .step = event.type != EventType::kFeedImpression,
                 .item_properties = item_properties,
                 .money_minor = Money(event.value, 1),
                 .surface = KeyOf(event.surface),
                 .last_item = session_row ? reinterpret_cast<SessionHeader*>(session_row)->last_item : 0};
  if (event.items.empty()) {
    FoldLine(line, user_row, session_row);
    if (parts_.shared_lines) shared_.FoldLine(record.arrival_ms, line, "", user_properties);
    return;
  }
  for (const EventItem& item : event.items) {
    line.item_vectors = ItemValues(item, item_properties);
    line.item = KeyOf(item.item_id);
    line.index = item.index;
    line.quantity = item.quantity;
    const std::int64_t own = Money(item.price, item.quantity);
    line.money_minor = own != kNoMoney ? own : event.items.size() == 1 ? Money(event.value, 1) : kNoMoney;
    FoldLine(line, user_row, session_row);
    if (parts_.shared_lines) shared_.FoldLine(record.arrival_ms, line, item.item_id, user_properties);
    if (IsTouch(event.type)) {
      if (user_row) Touch(line.item, user_row);
      if (session_row) reinterpret_cast<SessionHeader*>(session_row)->last_item = line.item;
    }
    line.step = false;
  }
}

void OnlineStore::AdvanceTo(std::int64_t epoch_end_ms) {
  if (epoch_end_ms <= shared_.epoch_end_ms()) return;
  if (epochs_ && status_.ok()) status_ = epochs_->Before(epoch_end_ms, shared_);
  shared_.AdvanceTo(epoch_end_ms);
}

void OnlineStore::FoldCatalogueOf(const LogRecord& record) {
  const PropertySchema& schema = features_->schema;
  const bool update = record.event.type == EventType::kItemUpdate;
  if (!update && !(schema.price_from_impressions && record.event.type == EventType::kFeedImpression)) return;
  for (const EventItem& item : record.event.items) {
    CatalogueUpdate change;
    if (!update && std::isnan(item.price)) continue;
    change.properties.resize(schema.item_names.size());
    if (update)
      Override(item, schema, change.properties);
    else
      change.properties[0].number = item.price;
    shared_.FoldUpdate(record.arrival_ms, KeyOf(item.item_id), item.item_id, change,
                       static_cast<std::int64_t>(record.offset) + 1);
  }
}

void OnlineStore::FoldLine(const EventLine& line, std::byte* user_row, std::byte* session_row) const {
  if (!parts_.user_views) return;
  const auto type = static_cast<std::size_t>(line.type);
  if (user_row) {
    for (const std::uint32_t k : user_features_[type]) {
      const BoundFeature& f = features_->features[k];
      f.view->Fold(line, user_row + user_views_at_ + f.offset);
    }
  }
  if (session_row) {
    for (const std::uint32_t k : session_features_[type]) {
      const BoundFeature& f = features_->features[k];
      f.view->Fold(line, session_row + session_views_at_ + f.offset);
    }
  }
}

void OnlineStore::Touch(Key item, std::byte* user_row) const {
  auto& recent = reinterpret_cast<UserHeader*>(user_row)->recent;
  auto at = std::ranges::find(recent, item);
  if (at == recent.end()) --at;
  std::move_backward(recent.begin(), at, at + 1);
  recent[0] = item;
}

void OnlineStore::Join(const Event& event, std::int64_t arrival_ms) {
  const Key from = Resolve(KeyOf(event.kind)), to = Resolve(KeyOf(event.user_id));
  if (from == 0 || to == 0 || from == to) return;
  const auto merge = [&](Scope scope, const std::byte* source, std::byte* into) {
    for (const BoundFeature& f : features_->features) {
      const FeatureSpec& spec = f.view->spec();
      if (parts_.user_views && spec.scope == scope && spec.state_bytes > 0 && !f.shares_state)
        f.view->Merge(source + f.offset, into + f.offset);
    }
  };
  if (KnowsUser(from)) {
    const std::byte* source = users_.Find(from);
    std::byte* into = UserRow(to);
    const auto* theirs = reinterpret_cast<const PropertyValue*>(source + sizeof(UserHeader));
    auto* mine = reinterpret_cast<PropertyValue*>(into + sizeof(UserHeader));
    for (std::size_t p = 0; p < features_->schema.user_names.size(); ++p) {
      if (!Known(mine[p])) mine[p] = theirs[p];
    }
    // The anonymous history is the newer one as a rule: a user looks around, then logs in.
    const auto recent = reinterpret_cast<const UserHeader*>(source)->recent;
    for (std::size_t i = recent.size(); i > 0; --i) {
      if (recent[i - 1] != 0) Touch(recent[i - 1], into);
    }
    merge(Scope::kUser, source + user_views_at_, into + user_views_at_);
    std::memset(users_.Get(from), 0, users_.row_bytes());
  }
  if (const Key session = KeyOf(event.session_id); session != 0) {
    const Key of_from = SessionKey(from, session);
    if (const std::byte* source = SessionViews(of_from, arrival_ms)) {
      const Key last_item = reinterpret_cast<const SessionHeader*>(source - session_views_at_)->last_item;
      std::byte* into = SessionRow(SessionKey(to, session), to, arrival_ms);
      if (last_item != 0) reinterpret_cast<SessionHeader*>(into)->last_item = last_item;
      merge(Scope::kSession, source, into + session_views_at_);
      std::memset(sessions_.Get(of_from), 0, sessions_.row_bytes());
    }
  }
  std::memcpy(aliases_.Get(from), &to, sizeof to);
}

void OnlineStore::Forget(Key user) {
  if (user == 0) return;
  if (users_.Find(user)) std::memset(users_.Get(user), 0, users_.row_bytes());
  for (std::size_t id = 0; id < sessions_.size(); ++id) {
    if (reinterpret_cast<const SessionHeader*>(sessions_.row(id))->user == user)
      std::memset(sessions_.Get(sessions_.key(id)), 0, sessions_.row_bytes());
  }
}

void OnlineStore::Read(const ReadRequest& request, float* out) const {
  const PropertySchema& schema = features_->schema;
  const std::size_t n = request.items.size(), columns = features_->columns(), properties = schema.item_names.size();
  std::vector<Key> keys(n);
  std::vector<PropertyValue> item_properties(n * properties);
  std::vector<const float*> item_vectors(n);
  for (std::size_t i = 0; i < n; ++i) {
    keys[i] = KeyOf(request.items[i].item_id);
    item_vectors[i] = ItemValues(request.items[i], {&item_properties[i * properties], properties});
  }
  const Key user = Resolve(request.user), session = SessionKey(user, request.session);
  const std::vector<PropertyValue> user_properties = UserProperties(user, request.context);
  const std::byte* user_views = UserViews(user);
  const std::byte* session_views = SessionViews(session, request.now_ms);
  const ReadContext context{
      .now_ms = request.now_ms,
      .epoch_end_ms = epoch_end_ms(),
      .items = keys,
      .item_properties = item_properties.data(),
      .item_property_count = properties,
      .user_properties = user_properties,
      .supplied = request.supplied,
      .item_vectors = item_vectors.data(),
      .surface = request.surface,
      .last_item =
          session_views ? reinterpret_cast<const SessionHeader*>(session_views - session_views_at_)->last_item : 0};

  std::vector<std::vector<const std::byte*>> entity_rows(features_->entities.size(), std::vector<const std::byte*>(n));
  for (std::size_t e = 0; e < entity_rows.size(); ++e) {
    for (std::size_t i = 0; i < n; ++i) {
      const Key key = features_->entities[e].KeyFor({keys[i],
                                                     {&item_properties[i * properties], properties},
                                                     user_properties,
                                                     context.surface,
                                                     context.last_item});
      entity_rows[e][i] = key ? shared_.FindRow(e, key) : nullptr;
    }
  }
  std::vector<const std::byte*> rows(n);
  for (std::size_t k = 0; k < columns; ++k) {
    const BoundFeature& f = features_->features[k];
    const std::byte* one = f.view->spec().scope == Scope::kUser      ? user_views
                           : f.view->spec().scope == Scope::kSession ? session_views
                                                                     : nullptr;
    for (std::size_t i = 0; i < n; ++i) {
      const std::byte* row = f.entity >= 0 ? entity_rows[static_cast<std::size_t>(f.entity)][i] : one;
      rows[i] = row ? row + f.offset : nullptr;
    }
    f.view->Read(context, {rows, f.entity >= 0 ? shared_.ShopRow(k) : nullptr}, {out + k, columns});
  }
}

}  // namespace gfr
