#include "state/online_store.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "event/alias.h"
#include "event/allocation_version.h"
#include "event/anonymised_record.h"
#include "event/erased_login.h"
#include "state/allocation_note.h"
#include "state/login_text.h"

namespace gfr {

namespace {

void Touch(Key item, UserHeader& user) {
  auto at = std::ranges::find(user.recent, item);
  if (at == user.recent.end()) --at;
  std::move_backward(user.recent.begin(), at, at + 1);
  user.recent[0] = item;
}

bool Known(const PropertyValue& v) { return v.category != 0 || !std::isnan(v.number); }

// Of an event without a session: what the anonymised record of an erased user's event says.
Key LastItemOf(const Event& event) {
  if (!event.user_id.empty() || !IsAnonymised(event)) return 0;
  for (const Property& p : event.context) {
    if (p.name == kAnonymisedLastItem) return KeyOf(p.text);
  }
  return 0;
}

// What a row of the aliases says; 0: there is none.
Key AliasIn(const VersionedTable& aliases, Key user) {
  Key to = 0;
  if (const std::byte* row = aliases.Find(user)) std::memcpy(&to, row, sizeof to);
  return to;
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

// Gives each experiment that anyone met to `each`; its end is the number of the next one.
template <typename Each>
std::uint32_t ForEachMetExperiment(const VersionedTable& aliases, const Each& each) {
  for (std::uint32_t n = 0;; ++n) {
    const Key experiment = n < kMostExperiments ? AliasIn(aliases, MetExperimentKey(n)) : 0;
    if (experiment == 0) return n;
    each(experiment);
  }
}

// What was noted of a unit's allocations; `erase` takes a key.
template <typename EraseKey>
void ForgetAllocations(Key unit, const VersionedTable& aliases, const EraseKey& erase) {
  ForEachMetExperiment(aliases, [&](Key experiment) {
    const Key key = AllocationNoteKey(unit, experiment);
    if (key != 0 && aliases.Find(key)) erase(key);
  });
}

// Notes the versions that the record's exposures name; the first one of a unit and an experiment stays. `write` gives
// the row of a key.
template <typename Write>
void NoteAllocations(const Event& event, Key unit, const VersionedTable& aliases, const Write& write) {
  ForEachAllocationVersion(event, [&](std::string_view name, std::uint32_t version) {
    const Key experiment = KeyOf(name), key = AllocationNoteKey(unit, experiment);
    if (key == 0 || aliases.Find(key)) return;
    bool met = false;
    const std::uint32_t next = ForEachMetExperiment(aliases, [&](Key one) { met |= one == experiment; });
    if (!met && next == kMostExperiments) return;
    if (!met) std::memcpy(write(MetExperimentKey(next)), &experiment, sizeof experiment);
    const Key note = NoteOfVersion(version);
    std::memcpy(write(key), &note, sizeof note);
  });
}

}  // namespace

OnlineStore::OnlineStore(std::shared_ptr<const FeatureSet> features, FoldParts parts, EpochSource* epochs)
    : features_(std::move(features)),
      parts_(parts),
      epochs_(epochs),
      layout_(*features_),
      user_features_(ByType(*features_, Scope::kUser)),
      session_features_(ByType(*features_, Scope::kSession)),
      timeline_(std::make_unique<Timeline>()),
      users_(*timeline_, static_cast<std::uint32_t>(parts.user_views ? layout_.user_bytes : layout_.user_views_at)),
      sessions_(*timeline_,
                static_cast<std::uint32_t>(parts.user_views ? layout_.session_bytes : RowLayout::session_views_at)),
      aliases_(*timeline_, sizeof(Key)),
      hidden_(*timeline_, sizeof(HiddenItems)),
      logins_(*timeline_, kLoginRowBytes),
      shared_(features_),
      user_rows_(user_tables()),
      shared_rows_(shared_.tables()),
      reader_(features_, user_rows_, shared_rows_, shared_) {
  timeline_->SetExclusive(true);
  shared_.SetExclusive(true);
}

void OnlineStore::Share() {
  timeline_->SetExclusive(false);
  shared_.SetExclusive(false);
  Publish();
}

void OnlineStore::Publish() { timeline_->Publish(next_offset_); }

Key OnlineStore::Resolve(Key user) const {
  return ResolveAlias(user, [this](Key k) { return AliasIn(aliases_, k); });
}

bool OnlineStore::KnowsUser(Key user) const {
  user = Resolve(user);
  const std::byte* row = user ? users_.Find(user) : nullptr;
  return row && RowLayout::User(row).known != 0;
}

std::vector<Key> OnlineStore::HiddenItemsOf(Key user) const {
  user = Resolve(user);
  const std::byte* row = user ? hidden_.Find(user) : nullptr;
  if (row == nullptr) return {};
  const auto& hidden = reinterpret_cast<const HiddenItems*>(row)->items;
  return {hidden.begin(), hidden.end()};
}

std::byte* OnlineStore::Write(std::uint32_t table, Key key) {
  if (tracks_) user_changes_.push_back({table, key});
  VersionedTable* const tables[] = {&users_, &sessions_, &aliases_, &hidden_, &logins_};
  return tables[table]->Write(key, stamp());
}

void OnlineStore::Erase(std::uint32_t table, Key key) {
  if (tracks_) user_changes_.push_back({table, key, /*erased=*/true});
  if (table == FeatureReader::kSessions && sessions_of_) {
    const std::byte* row = sessions_.Find(key);
    auto [at, end] = sessions_of_->equal_range(row ? RowLayout::Session(row).user : 0);
    if (at = std::find_if(at, end, [key](const auto& entry) { return entry.second == key; }); at != end)
      sessions_of_->erase(at);
  }
  VersionedTable* const tables[] = {&users_, &sessions_, &aliases_, &hidden_, &logins_};
  tables[table]->Erase(key, stamp());
}

std::byte* OnlineStore::UserRow(Key user) {
  if (user == 0) return nullptr;
  std::byte* row = Write(FeatureReader::kUsers, user);
  if (RowLayout::User(row).known == 0) {
    RowLayout::User(row).known = 1;
    for (PropertyValue& value : layout_.UserProperties(row)) new (&value) PropertyValue();
  }
  return row;
}

std::byte* OnlineStore::SessionRow(Key session, Key user, std::int64_t arrival_ms) {
  if (session == 0) return nullptr;
  std::byte* row = Write(FeatureReader::kSessions, session);
  SessionHeader& header = RowLayout::Session(row);
  if (header.last_arrival_ms == 0) {
    idle_.push_back({arrival_ms, session});
    if (sessions_of_ && user != 0) sessions_of_->emplace(user, session);
  }
  if (header.last_arrival_ms != 0 && RowLayout::SessionIsOver(row, arrival_ms)) {
    std::memset(row, 0, sessions_.row_bytes());
    if (user == 0) {
      EraseHidden(session);
      ForgetAllocations(session, aliases_, [this](Key key) { Erase(FeatureReader::kAliases, key); });
    }
  }
  header.user = user;
  header.last_arrival_ms = std::max<std::int64_t>(arrival_ms, 1);
  return row;
}

void OnlineStore::Fold(const LogRecord& record) {
  const Event& event = record.event;
  next_offset_ = static_cast<std::int64_t>(record.offset) + 1;
  last_arrival_ms_ = record.arrival_ms;
  AdvanceTo(EpochEndAt(record.arrival_ms));
  if (HasAllocationVersions(event)) {
    Key unit = Resolve(KeyOf(event.user_id));
    // A session of nobody is kept, and forgotten, as others are.
    if (unit == 0) SessionRow(unit = SessionKey(0, KeyOf(event.session_id)), 0, record.arrival_ms);
    NoteAllocations(event, unit, aliases_, [this](Key key) { return Write(FeatureReader::kAliases, key); });
  }
  switch (event.type) {
    case EventType::kFeedRequest:
    case EventType::kFeedShadow:
      return;
    case EventType::kItemUpdate:
    case EventType::kItemDelete:
      if (parts_.catalogue) FoldCatalogueOf(record);
      return;
    case EventType::kUserAlias:
      Join(event, record.arrival_ms);
      return NoteLogin(event);
    case EventType::kUserDelete:
      return Forget(Resolve(KeyOf(event.user_id)));
    default:
      break;
  }
  if (parts_.catalogue) FoldCatalogueOf(record);

  const Key user = Resolve(KeyOf(event.user_id)), session = SessionKey(user, KeyOf(event.session_id));
  std::byte* user_row = UserRow(user);
  std::byte* session_row = SessionRow(session, user, record.arrival_ms);
  if (event.type == EventType::kItemHide) Hide(user ? user : session, event.items);
  std::vector<PropertyValue> user_properties(features_->schema.user_names.size());
  if (user_row) std::ranges::copy(layout_.UserProperties(user_row), user_properties.begin());
  OverrideUser(event.context, features_->schema, user_properties);
  if (user_row) std::ranges::copy(user_properties, layout_.UserProperties(user_row).begin());

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
                 .last_item = session_row ? RowLayout::Session(session_row).last_item : LastItemOf(event)};
  if (event.items.empty()) {
    FoldLine(line, user_row, session_row);
    if (parts_.shared_lines) shared_.FoldLine(record.arrival_ms, line, "", user_properties);
    return;
  }
  std::vector<Key> items;
  for (const EventItem& item : event.items) items.push_back(KeyOf(item.item_id));
  if (items.size() > 1) shared_.PrefetchItems(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const EventItem& item = event.items[i];
    line.item = items[i];
    line.item_vectors = nullptr;
    std::ranges::fill(item_properties, PropertyValue{});
    if (const std::byte* row = shared_.FindItem(line.item)) {
      std::ranges::copy(shared_.Properties(row), item_properties.begin());
      line.item_vectors = shared_.Vectors(row);
    }
    OverrideItem(item, features_->schema, item_properties);
    line.index = item.index;
    line.quantity = item.quantity;
    const std::int64_t own = Money(item.price, item.quantity);
    line.money_minor = own != kNoMoney ? own : event.items.size() == 1 ? Money(event.value, 1) : kNoMoney;
    FoldLine(line, user_row, session_row);
    if (parts_.shared_lines) shared_.FoldLine(record.arrival_ms, line, item.item_id, user_properties);
    if (IsTouch(event.type)) {
      if (user_row) Touch(line.item, RowLayout::User(user_row));
      if (session_row) RowLayout::Session(session_row).last_item = line.item;
    }
    line.step = false;
  }
}

void OnlineStore::AdvanceTo(std::int64_t epoch_end_ms) {
  if (epoch_end_ms <= shared_.epoch_end_ms()) return;
  if (epochs_ && status_.ok()) status_ = epochs_->Before(epoch_end_ms, shared_);
  shared_.AdvanceTo(epoch_end_ms);
  DropIdleSessions();
}

void OnlineStore::FoldCatalogueOf(const LogRecord& record) {
  const PropertySchema& schema = features_->schema;
  const bool update = IsCatalogue(record.event.type);
  if (!update && !(schema.price_from_impressions && record.event.type == EventType::kFeedImpression)) return;
  for (const EventItem& item : record.event.items) {
    CatalogueUpdate change;
    if (!update && !(std::fabs(item.price) <= std::numeric_limits<float>::max())) continue;
    change.properties.resize(schema.item_names.size());
    if (record.event.type == EventType::kItemDelete) {
      change.properties.clear();
      change.sale = CatalogueUpdate::Sale::kOff;
    } else if (update) {
      change.sale = CatalogueUpdate::Sale::kOn;
      OverrideItem(item, schema, change.properties);
      change.vectors.assign(schema.vector_width, kMissing);
      if (!schema.ReadVectors(item.properties, change.vectors.data())) change.vectors.clear();
    } else {
      change.properties[0].number = item.price;
    }
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
      f.view->Fold(line, user_row + layout_.user_views_at + f.offset);
    }
  }
  if (session_row) {
    for (const std::uint32_t k : session_features_[type]) {
      const BoundFeature& f = features_->features[k];
      f.view->Fold(line, session_row + RowLayout::session_views_at + f.offset);
    }
  }
}

void OnlineStore::Join(const Event& event, std::int64_t arrival_ms) {
  const auto [from, to] = StepOfRecord(
      features_->schema.alias, event, [this](Key k) { return AliasIn(aliases_, k); },
      [this](Key note, Key login) { std::memcpy(Write(FeatureReader::kAliases, note), &login, sizeof login); });
  if (from == 0) return;
  if (to == 0) return Erase(FeatureReader::kAliases, from);
  const auto merge = [&](Scope scope, const std::byte* source, std::byte* into) {
    for (const BoundFeature& f : features_->features) {
      const FeatureSpec& spec = f.view->spec();
      if (parts_.user_views && spec.scope == scope && spec.state_bytes > 0 && !f.shares_state)
        f.view->Merge(source + f.offset, into + f.offset);
    }
  };
  // A device that another login had has no row of its own: what it did is the other login's.
  if (users_.Find(from)) {
    std::byte* into = UserRow(to);
    const std::byte* source = users_.Find(from);
    const auto theirs = layout_.UserProperties(source);
    const auto mine = layout_.UserProperties(into);
    for (std::size_t p = 0; p < mine.size(); ++p) {
      if (!Known(mine[p])) mine[p] = theirs[p];
    }
    // The anonymous history is the newer one as a rule: a user looks around, then logs in.
    const auto recent = RowLayout::User(source).recent;
    for (std::size_t i = recent.size(); i > 0; --i) {
      if (recent[i - 1] != 0) Touch(recent[i - 1], RowLayout::User(into));
    }
    merge(Scope::kUser, source + layout_.user_views_at, into + layout_.user_views_at);
    Erase(FeatureReader::kUsers, from);
  }
  if (const std::byte* row = hidden_.Find(from)) {
    HiddenItems both = *reinterpret_cast<const HiddenItems*>(row);
    std::byte* into = Write(FeatureReader::kHidden, to);
    auto& mine = *reinterpret_cast<HiddenItems*>(into);
    for (std::size_t i = both.items.size(); i > 0; --i) mine.Add(both.items[i - 1]);
    EraseHidden(from);
  }
  if (const Key session = KeyOf(event.session_id); session != 0) {
    const Key of_from = SessionKey(from, session);
    const std::byte* source = sessions_.Find(of_from);
    if (source && !RowLayout::SessionIsOver(source, arrival_ms)) {
      std::byte* into = SessionRow(SessionKey(to, session), to, arrival_ms);
      source = sessions_.Find(of_from);
      if (const Key last = RowLayout::Session(source).last_item; last != 0) RowLayout::Session(into).last_item = last;
      merge(Scope::kSession, source + RowLayout::session_views_at, into + RowLayout::session_views_at);
      Erase(FeatureReader::kSessions, of_from);
    }
  }
  std::memcpy(Write(FeatureReader::kAliases, from), &to, sizeof to);
}

// Keeps the login's text once another id is joined to it. Of a login that was itself joined to one, that one's text is
// here already.
void OnlineStore::NoteLogin(const Event& alias) {
  const Key login = KeyOf(alias.user_id), from = KeyOf(alias.kind);
  if (login == 0 || from == login || Resolve(from) != login || logins_.Find(login)) return;
  WriteLoginText(login, alias.user_id, [&](Key key) { return Write(FeatureReader::kLogins, key); });
}

std::string OnlineStore::LoginText(Key login) const {
  return ReadLoginText(login, [&](Key key) { return logins_.Find(key); });
}

void OnlineStore::Forget(Key user) {
  if (user == 0) return;
  if (const std::byte* row = logins_.Find(user)) {
    for (std::size_t part = LoginRows(LoginBytesIn(row)); part > 0; --part)
      Erase(FeatureReader::kLogins, LoginRowKey(user, part - 1));
  }
  if (users_.Find(user)) Erase(FeatureReader::kUsers, user);
  EraseHidden(user);
  ForgetAllocations(user, aliases_, [this](Key key) { Erase(FeatureReader::kAliases, key); });
  if (!sessions_of_) IndexSessions();
  std::vector<Key> sessions;
  for (auto [at, end] = sessions_of_->equal_range(user); at != end; ++at) sessions.push_back(at->second);
  for (const Key session : sessions) Erase(FeatureReader::kSessions, session);
}

// One scan at the first user.delete; stores that see none do without the index.
void OnlineStore::IndexSessions() {
  sessions_of_.emplace();
  for (std::uint32_t id = 0; id < sessions_.size(); ++id) {
    const std::byte* row = sessions_.At(id);
    if (row && RowLayout::Session(row).user != 0)
      sessions_of_->emplace(RowLayout::Session(row).user, sessions_.KeyAt(id));
  }
}

void OnlineStore::Hide(Key owner, const std::vector<EventItem>& items) {
  if (owner == 0 || !parts_.user_views) return;
  auto& hidden = *reinterpret_cast<HiddenItems*>(Write(FeatureReader::kHidden, owner));
  for (const EventItem& item : items) hidden.Add(KeyOf(item.item_id));
}

void OnlineStore::EraseHidden(Key owner) {
  if (hidden_.size() > 0 && hidden_.Find(owner)) Erase(FeatureReader::kHidden, owner);
}

// Sessions that are over for every read from now on give their memory back.
void OnlineStore::DropIdleSessions() {
  if (!timeline_->exclusive() && stamp() <= timeline_->published()) return;  // Nothing was folded since.
  const auto over = [&](std::int64_t last_ms) { return shared_.epoch_end_ms() - last_ms > kSessionIdleMs; };
  while (!idle_.empty() && over(idle_.front().last_ms)) {
    const auto [last_ms, session] = idle_.front();
    idle_.pop_front();
    const std::byte* row = sessions_.Find(session);
    if (row == nullptr) continue;
    if (const std::int64_t newer_ms = RowLayout::Session(row).last_arrival_ms; !over(newer_ms)) {
      idle_.push_back({newer_ms, session});
    } else {
      Erase(FeatureReader::kSessions, session);
      EraseHidden(session);
      ForgetAllocations(session, aliases_, [this](Key key) { Erase(FeatureReader::kAliases, key); });
    }
  }
}

void OnlineStore::QueueSessions() {
  idle_.clear();
  sessions_of_.reset();
  for (std::uint32_t id = 0; id < sessions_.size(); ++id) {
    if (const std::byte* row = sessions_.At(id))
      idle_.push_back({RowLayout::Session(row).last_arrival_ms, sessions_.KeyAt(id)});
  }
  std::ranges::sort(idle_, {}, &Idle::last_ms);
}

void OnlineStore::Read(const ReadRequest& request, float* out) {
  reader_.set_replayed_epoch(epoch_end_ms());
  reader_.FindUser(request.user, request.session, &lease_);
  reader_.Read(request, &lease_, out);
}

}  // namespace gfr
