#include "state/anonymiser.h"

#include <algorithm>
#include <cmath>

#include "event/anonymised_record.h"
#include "event/property_value.h"

namespace gfr {

Anonymiser::Anonymiser(std::shared_ptr<const FeatureSet> features, std::int64_t erased_at_ms,
                       std::unordered_set<Key> erased_ids)
    : features_(std::move(features)),
      layout_(*features_),
      erased_at_ms_(erased_at_ms),
      erased_ids_(std::move(erased_ids)),
      people_(features_, {.user_views = false, .shared_lines = false, .catalogue = false}) {
  for (const SharedEntity& entity : features_->entities) {
    for (const SharedEntity::Of& part : entity.parts) {
      last_item_ = last_item_ || part.part == SharedEntity::Part::kLastItem;
      if (part.part == SharedEntity::Part::kUserProperty &&
          std::ranges::find(user_properties_, part.property) == user_properties_.end())
        user_properties_.push_back(part.property);
    }
  }
  for (const BoundFeature& f : features_->features) {
    if (!f.config) continue;
    for (const EventFilter* filter : {&f.config->events, &f.config->denominator, &f.config->without})
      kinds_.insert(kinds_.end(), filter->kinds.begin(), filter->kinds.end());
  }
}

bool Anonymiser::KeepsKind(const Event& e) const {
  if (e.kind.empty() || e.type == EventType::kUserAlias) return false;
  return e.type == EventType::kItemView || std::ranges::find(kinds_, KeyOf(e.kind)) != kinds_.end();
}

// Two accounts that have become one are one login, as in event/alias.h.
std::string Anonymiser::TokenOf(const LogRecord& alias) {
  if (IsAnonymised(alias.event)) return alias.event.transaction_id;  // Of an erasure before.
  const Key login = people_.Resolve(KeyOf(alias.event.user_id));
  std::vector<ErasedLogin>& logins = logins_on_[KeyOf(alias.event.kind)];
  const auto at = std::ranges::find_if(logins, [&](const ErasedLogin& l) { return people_.Resolve(l.login) == login; });
  if (at != logins.end()) return at->token;
  return logins.emplace_back(login, std::to_string(alias.offset)).token;
}

Event Anonymiser::Of(const LogRecord& record) {
  const Event& e = record.event;
  const PropertySchema& schema = features_->schema;
  Event left;
  left.id = kAnonymisedIdPrefix + std::to_string(record.offset) + "/" + std::to_string(erased_at_ms_);
  left.source = kAnonymisedSource;
  left.type = e.type;
  left.time_ms = e.time_ms;
  for (const Property& p : e.context) {
    const int k = schema.FindUser(p.name);
    if (k < 0 || !schema.user_categorical[static_cast<std::size_t>(k)]) continue;
    if (std::string text = CategoryText(p); !text.empty()) texts_.try_emplace(KeyOf(text), text);
  }
  for (const EventItem& item : e.items) texts_.try_emplace(KeyOf(item.item_id), item.item_id);
  const Key user = people_.Resolve(KeyOf(e.user_id)), session = SessionKey(user, KeyOf(e.session_id));
  const auto tables = people_.user_tables();
  Key last_item = 0;
  if (const std::byte* row = session ? tables[1]->Find(session) : nullptr;
      row && !RowLayout::SessionIsOver(row, record.arrival_ms))
    last_item = RowLayout::Session(row).last_item;
  if (e.type == EventType::kUserAlias && !e.kind.empty() && !erased_ids_.contains(KeyOf(e.kind))) {
    left.kind = e.kind;
    left.transaction_id = TokenOf(record);
  }
  people_.Fold(record);

  if (IsServerOnly(e.type) || e.type == EventType::kUserAlias || e.type == EventType::kUserDelete) return left;
  left.items = e.items;
  if (IsCatalogue(e.type)) return left;  // The catalogue's.
  left.surface = e.surface;
  left.value = e.value;
  if (KeepsKind(e)) left.kind = e.kind;
  for (EventItem& item : left.items) {
    item.channel.clear();
    std::erase_if(item.properties, [&](const Property& p) { return schema.FindItem(p.name) < 0; });
  }
  const auto keep = [&](std::string name, Key key) {
    if (const auto text = texts_.find(key); key != 0 && text != texts_.end())
      left.context.push_back({.name = std::move(name), .text = text->second});
  };
  if (const std::byte* row = user ? tables[0]->Find(user) : nullptr) {
    for (const int k : user_properties_) {
      const auto p = static_cast<std::size_t>(k);
      keep(schema.user_names[p], layout_.UserProperties(row)[p].category);
    }
  }
  if (last_item_) keep(kAnonymisedLastItem, last_item);
  return left;
}

}  // namespace gfr
