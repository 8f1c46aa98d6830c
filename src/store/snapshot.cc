#include "store/snapshot.h"

#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "base/byte_reader.h"
#include "state/login_text.h"
#include "store/state_layout.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRSNAP6", kMagicOf5[] = "GFRSNAP5", kMagicOf01[] = "GFRSNAP4";
constexpr std::size_t kHeaderBytes = 32;      // Magic; bytes and checksum of the layout, and of the head.
constexpr std::size_t kHeaderBytesOf01 = 28;  // Magic, shape, bytes of the head, its checksum.
constexpr std::size_t kMaxHeadBytes = 1u << 30;

template <typename T>
void Put(const T& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
void PutText(std::string_view text, std::string* out) {
  Put(std::uint64_t{text.size()}, out);
  out->append(text);
}

// Of everything that the bytes of a snapshot of gfr 0.1 depend on.
std::uint64_t Shape(const FeatureSet& set) {
  const PropertySchema& schema = set.schema;
  std::string text = std::to_string(set.old_fingerprint) + ";" + std::to_string(schema.price_from_impressions);
  for (std::size_t p = 0; p < schema.item_names.size(); ++p)
    text += ";" + schema.item_names[p] + (schema.item_categorical[p] ? "c" : "n");
  for (std::size_t p = 0; p < schema.user_names.size(); ++p)
    text += ";" + schema.user_names[p] + (schema.user_categorical[p] ? "c" : "n");
  for (std::size_t v = 0; v < schema.vector_names.size(); ++v)
    text += ";" + schema.vector_names[v] + std::to_string(schema.vector_sizes[v]);
  return Hash64(text.data(), text.size());
}

// How rows of a snapshot of other definitions are read.
struct Plan {
  StateLayout from, to;
  bool items;  // Of the catalogue; else it comes with the missing states.
};

}  // namespace

// Reaches into the store for what only a snapshot needs.
class SnapshotCodec {
 public:
  static std::string Head(const OnlineStore& s) {
    std::string head;
    Put(s.last_arrival_ms_, &head);
    Put(s.next_offset_, &head);
    Put(s.shared_.epoch_end_ms_, &head);
    const std::vector<std::int64_t> open = s.shared_.OpenEpochs();
    Put(std::uint64_t{open.size()}, &head);
    for (const std::int64_t end_ms : open) {
      Put(end_ms, &head);
      PutText(s.shared_.EncodeDelta(end_ms), &head);
    }
    return head;
  }
  // `plan`: how the snapshot's rows become the store's; null: they are alike.
  static Status ReadHead(std::string_view bytes, const Plan* plan, OnlineStore& s, std::string* extra,
                         bool open_epochs = true) {
    ByteReader r{bytes};
    s.last_arrival_ms_ = r.Number<std::int64_t>();
    s.next_offset_ = r.Number<std::int64_t>();
    s.shared_.epoch_end_ms_ = r.Number<std::int64_t>();
    for (auto open = r.Number<std::uint64_t>(); open > 0 && !r.bad; --open) {
      const auto end_ms = r.Number<std::int64_t>();
      const std::string_view delta = r.Text();
      if (!r.bad && open_epochs) GFR_TRY(AddDelta(end_ms, delta, plan, s));
    }
    *extra = r.Text();
    if (r.bad || !r.left.empty()) return Error{ErrorCode::kCorrupt, "the snapshot's head cannot be read"};
    return {};
  }
  static Status AddDelta(std::int64_t end_ms, std::string_view delta, const Plan* plan, OnlineStore& s) {
    if (!plan) return s.shared_.AddDelta(end_ms, delta);
    GFR_ASSIGN(const std::string mapped, MapDelta(delta, plan->from, plan->to, plan->items));
    return s.shared_.AddDelta(end_ms, mapped);
  }
  static Status SaveTables(const OnlineStore& s, const Pin& users, const Pin& shared, const ByteSink& sink) {
    for (const VersionedTable* table : s.user_tables()) GFR_TRY(table->Save(users, sink));
    for (const VersionedTable* table : s.shared_.tables()) GFR_TRY(table->Save(shared, sink));
    std::string texts;
    for (std::uint32_t id = 0; id < s.shared_.item_count(); ++id) {
      if (!s.shared_.item_row(id, shared)) continue;
      Put(s.shared_.item_key(id), &texts);
      PutText(s.shared_.texts_.Get(id), &texts);
    }
    std::string head;
    Put(std::uint64_t{texts.size()}, &head);
    Put(Crc32c(texts.data(), texts.size()), &head);
    GFR_TRY(sink(head));
    return sink(texts);
  }
  static Status RestoreTables(ByteSource& source, OnlineStore& s) {
    for (VersionedTable* table :
         {&s.users_, &s.sessions_, &s.aliases_, &s.hidden_, &s.logins_, &s.shared_.items_, &s.shared_.shop_})
      GFR_TRY(table->Restore(source));
    for (const auto& table : s.shared_.entities_) GFR_TRY(table->Restore(source));
    s.QueueSessions();
    return RestoreTexts(source, /*keep=*/true, s);
  }
  // Likewise, of a snapshot of other definitions.
  static Status RestoreMapped(ByteSource& source, const Plan& plan, OnlineStore& s) {
    const StateLayout& from = plan.from;
    const StateLayout& to = plan.to;
    const std::int64_t stamp = s.next_offset_, epoch_ms = s.shared_.epoch_end_ms_;
    const RowMap users = UserRowMap(from, to), sessions = SessionRowMap(from, to), items = ItemRowMap(from, to);
    GFR_TRY(EachRow(source, from.user_row_bytes(), [&](Key key, const std::byte* row) {
      std::byte* into = s.users_.Write(key, stamp);
      for (PropertyValue& value : s.layout_.UserProperties(into)) new (&value) PropertyValue();
      CopyRow(users, row, into);
    }));
    GFR_TRY(EachRow(source, from.session_row_bytes(),
                    [&](Key key, const std::byte* row) { CopyRow(sessions, row, s.sessions_.Write(key, stamp)); }));
    GFR_TRY(s.aliases_.Restore(source));
    if (from.hidden_bytes > 0) GFR_TRY(s.hidden_.Restore(source));
    if (from.login_bytes > 0) GFR_TRY(s.logins_.Restore(source));
    GFR_TRY(EachRow(source, from.item_row_bytes(), [&](Key key, const std::byte* row) {
      if (plan.items) CopyRow(items, row, NewItem(to, s.shared_.items_.Write(key, epoch_ms)));
    }));
    GFR_TRY(RestoreStates(source, from.shop_bytes, StatesMap(from.shop, to.shop), epoch_ms,
                          to.shop_bytes > 0 ? &s.shared_.shop_ : nullptr));
    for (const StateLayout::Entity& entity : from.entities) {
      const StateLayout::Entity* there = to.Find(entity.name);
      VersionedTable* table =
          there ? s.shared_.entities_[static_cast<std::size_t>(there - to.entities.data())].get() : nullptr;
      GFR_TRY(RestoreStates(source, entity.bytes, there ? StatesMap(entity.states, there->states) : RowMap(), epoch_ms,
                            table));
    }
    s.QueueSessions();
    return RestoreTexts(source, plan.items, s);
  }
  // Of the store's own rows: one without views has shorter ones.
  static StateLayout LayoutOf(const OnlineStore& s) {
    StateLayout layout = StateLayout::Of(s.features());
    if (s.parts_.user_views) return layout;
    layout.users.clear();
    layout.sessions.clear();
    layout.user_bytes = layout.session_bytes = 0;
    return layout;
  }
  static void Forget(Key user, OnlineStore& s) { s.Forget(s.Resolve(user)); }
  // The states of `f`'s rows over those of `s`, of the same instant.
  static Status AddStates(OnlineStore& f, OnlineStore& s) {
    const Plan plan{StateLayout::Of(f.features()), StateLayout::Of(s.features()), /*items=*/true};
    const std::int64_t stamp = s.next_offset_, epoch_ms = s.shared_.epoch_end_ms_;
    const RowMap users = UserRowMap(plan.from, plan.to), sessions = SessionRowMap(plan.from, plan.to);
    Each(f.users_, [&](Key key, const std::byte* row) { CopyRow(users, row, s.users_.Write(key, stamp)); });
    Each(f.sessions_, [&](Key key, const std::byte* row) {
      // A session that is over may have been dropped from one of them.
      if (s.sessions_.Find(key)) CopyRow(sessions, row, s.sessions_.Write(key, stamp));
    });
    Each(f.logins_, [&](Key key, const std::byte* row) {
      if (!s.logins_.Find(key)) std::memcpy(s.logins_.Write(key, stamp), row, kLoginRowBytes);
    });
    Each(f.hidden_, [&](Key key, const std::byte* row) {
      if (s.users_.Find(key) || s.sessions_.Find(key))
        std::memcpy(s.hidden_.Write(key, stamp), row, sizeof(HiddenItems));
    });
    const RowMap items = ItemRowMap(plan.from, plan.to);
    Each(f.shared_.items_, [&](Key key, const std::byte* row) {
      CopyRow(items, row, s.shared_.items_.Write(key, epoch_ms));
      s.shared_.texts_.Set(s.shared_.items_.IdOf(key), f.shared_.ItemId(key));
    });
    const RowMap shop = StatesMap(plan.from.shop, plan.to.shop);
    Each(f.shared_.shop_, [&](Key key, const std::byte* row) {
      if (!shop.empty()) CopyRow(shop, row, s.shared_.shop_.Write(key, epoch_ms));
    });
    for (std::size_t e = 0; e < plan.from.entities.size(); ++e) {
      const StateLayout::Entity* there = plan.to.Find(plan.from.entities[e].name);
      const RowMap states = StatesMap(plan.from.entities[e].states, there->states);
      VersionedTable& table = *s.shared_.entities_[static_cast<std::size_t>(there - plan.to.entities.data())];
      Each(*f.shared_.entities_[e],
           [&](Key key, const std::byte* row) { CopyRow(states, row, table.Write(key, epoch_ms)); });
    }
    for (const std::int64_t end_ms : f.shared_.OpenEpochs())
      GFR_TRY(AddDelta(end_ms, f.shared_.EncodeDelta(end_ms), &plan, s));
    return {};
  }

 private:
  // Properties and vectors that the copied row does not have are missing, not 0.
  static std::byte* NewItem(const StateLayout& to, std::byte* row) {
    std::byte* at = row + sizeof(ItemSummary);
    for (std::size_t p = 0; p < to.item_properties.size(); ++p, at += sizeof(PropertyValue)) new (at) PropertyValue();
    for (; at + sizeof(float) <= row + to.item_row_bytes(); at += sizeof(float))
      std::memcpy(at, &kMissing, sizeof(float));
    return row;
  }
  template <typename Row>
  static void Each(const VersionedTable& table, Row&& each) {
    for (std::uint32_t id = 0; id < table.size(); ++id) {
      if (const std::byte* row = table.At(id)) each(table.KeyAt(id), row);
    }
  }
  // The rows of a table of other definitions, by a table of its own.
  template <typename Row>
  static Status EachRow(ByteSource& source, std::size_t row_bytes, Row&& each) {
    Timeline timeline;
    timeline.SetExclusive(true);
    VersionedTable table(timeline, static_cast<std::uint32_t>(row_bytes));
    GFR_TRY(table.Restore(source));
    Each(table, each);
    return {};
  }
  // Rows of states alone; those without a state that `into` has are left out. Null: all are.
  static Status RestoreStates(ByteSource& source, std::size_t row_bytes, const RowMap& map, std::int64_t stamp,
                              VersionedTable* into) {
    return EachRow(source, row_bytes, [&](Key key, const std::byte* row) {
      bool any = false;
      for (const RowMove& move : map) {
        for (std::size_t at = 0; at < move.bytes && !any; ++at) any = row[move.from + at] != std::byte{0};
      }
      if (any && into) CopyRow(map, row, into->Write(key, stamp));
    });
  }
  static Status RestoreTexts(ByteSource& source, bool keep, OnlineStore& s) {
    GFR_ASSIGN(const std::string_view head, source.Next(12));
    ByteReader h{head};
    const auto size = h.Number<std::uint64_t>();
    const auto crc = h.Number<std::uint32_t>();
    if (size != source.remaining()) return Error{ErrorCode::kCorrupt, "the snapshot ends too early or too late"};
    GFR_ASSIGN(const std::string_view texts, source.Next(size));
    if (crc != Crc32c(texts.data(), texts.size()))
      return Error{ErrorCode::kCorrupt, "the snapshot's item ids are not what was written"};
    ByteReader r{texts};
    while (!r.left.empty() && !r.bad) {
      const auto key = r.Number<Key>();
      const std::string_view text = r.Text();
      const std::uint32_t id = r.bad ? VersionedTable::kNoId : s.shared_.items_.IdOf(key);
      if (!keep) continue;
      if (id == VersionedTable::kNoId) return Error{ErrorCode::kCorrupt, "the snapshot names an item that it has not"};
      s.shared_.texts_.Set(id, text);
    }
    return r.bad ? Status(Error{ErrorCode::kCorrupt, "the snapshot's item ids cannot be read"}) : Status();
  }
};

namespace {

// Of the first bytes of a head.
SnapshotInstant InstantOf(std::string_view head) {
  ByteReader r{head};
  SnapshotInstant instant;
  instant.last_arrival_ms = r.Number<std::int64_t>();
  instant.next_offset = r.Number<std::int64_t>();
  instant.epoch_end_ms = r.Number<std::int64_t>();
  return instant;
}

}  // namespace

SnapshotInstant Snapshot::instant() const { return InstantOf(head_); }

Snapshot Snapshot::Take(const OnlineStore& store) { return Snapshot(store, SnapshotCodec::Head(store)); }

Status Snapshot::Write(FileSystem& fs, const std::string& path, std::string_view extra) const {
  const std::string beside = path + ".tmp", folder = path.substr(0, path.rfind('/'));
  {
    GFR_ASSIGN(const auto file, fs.OpenForWrite(beside, /*append=*/false));
    const std::string layout = StateLayout::Of(store_.features()).ToJson();
    std::string header(kMagic, 8);
    std::string head = head_;
    PutText(extra, &head);
    for (const std::string* part : {&layout, static_cast<const std::string*>(&head)}) {
      Put(std::uint64_t{part->size()}, &header);
      Put(Crc32c(part->data(), part->size()), &header);
    }
    GFR_TRY(file->Append(header));
    GFR_TRY(file->Append(layout));
    GFR_TRY(file->Append(head));
    GFR_TRY(SnapshotCodec::SaveTables(store_, users_, shared_, [&](std::string_view b) { return file->Append(b); }));
    GFR_TRY(file->Sync());
  }
  GFR_TRY(fs.Rename(beside, path));
  return fs.SyncDirectory(folder);
}

namespace {

Result<std::string> ReadPart(ByteSource& source, std::uint64_t bytes, std::uint32_t crc, const std::string& path) {
  if (bytes > kMaxHeadBytes || bytes > source.remaining())
    return Error{ErrorCode::kCorrupt, "the snapshot's head has no end", {path, 0}};
  GFR_ASSIGN(const std::string_view part, source.Next(bytes));
  if (crc != Crc32c(part.data(), part.size()))
    return Error{ErrorCode::kCorrupt, "the snapshot's bytes are not what was written", {path, 0}};
  return std::string(part);
}

// Of gfr 0.1: of the very definitions, or of no use.
Result<Restored> RestoreOf01(ByteSource& source, ByteReader header, const std::string& path, OnlineStore* store) {
  if (header.Number<std::uint64_t>() != Shape(store->features()) || !store->features().schema.alias.Canonical().empty())
    return Error{ErrorCode::kNotFound, "the snapshot is of other definitions", {path, 0}};
  const auto bytes = header.Number<std::uint64_t>();
  GFR_ASSIGN(const std::string head, ReadPart(source, bytes, header.Number<std::uint32_t>(), path));
  Restored restored;
  Plan plan{StateLayout::Of(store->features()), StateLayout::Of(store->features()), /*items=*/false};
  plan.from.item_delta_head = SharedState::kItemCountsBytes;
  plan.from.hidden_bytes = plan.from.login_bytes = 0;
  GFR_TRY(SnapshotCodec::ReadHead(head, &plan, *store, &restored.extra));
  GFR_TRY(SnapshotCodec::RestoreMapped(source, plan, *store));
  restored.lacking = store->features().Subset({}, {});  // The catalogue, hidden items and logins are read again.
  return restored;
}

}  // namespace

namespace {

struct RestoreAs {
  bool base = false;  // What the snapshot does not have starts empty.
  bool open_epochs = true;
};

// What stands before the rows.
struct SnapshotFront {
  std::string header;  // Of gfr 0.1: that alone.
  std::string layout, head;
  bool of_01() const { return header.compare(0, 8, kMagicOf01, 8) == 0; }
};

Result<SnapshotFront> ReadFront(ByteSource& source, const std::string& path) {
  const auto first = source.Next(kHeaderBytesOf01);
  if (!first.ok()) return Error{ErrorCode::kCorrupt, "not a snapshot of this version", {path, 0}};
  SnapshotFront front{.header = std::string(first.value()), .layout = {}, .head = {}};
  if (front.of_01()) return front;
  std::string& header = front.header;
  const auto rest = source.Next(kHeaderBytes - kHeaderBytesOf01);
  if (!rest.ok() || (header.compare(0, 8, kMagic, 8) != 0 && header.compare(0, 8, kMagicOf5, 8) != 0))
    return Error{ErrorCode::kCorrupt, "not a snapshot of this version", {path, 0}};
  header.append(rest.value());
  ByteReader h{std::string_view(header).substr(8)};
  const auto layout_bytes = h.Number<std::uint64_t>();
  const auto layout_crc = h.Number<std::uint32_t>();
  GFR_ASSIGN(front.layout, ReadPart(source, layout_bytes, layout_crc, path));
  const auto head_bytes = h.Number<std::uint64_t>();
  const auto head_crc = h.Number<std::uint32_t>();
  GFR_ASSIGN(front.head, ReadPart(source, head_bytes, head_crc, path));
  return front;
}

Result<Restored> RestoreFrom(const RandomAccessFile& file, const std::string& path, RestoreAs as, OnlineStore* store) {
  GFR_ASSIGN(const std::uint64_t size, file.size());
  FileSource source(file, 0, size);
  GFR_ASSIGN(const SnapshotFront front, ReadFront(source, path));
  if (front.of_01()) {
    if (as.base) return Error{ErrorCode::kCorrupt, "not a snapshot of this version", {path, 0}};
    return RestoreOf01(source, {std::string_view(front.header).substr(8)}, path, store);
  }
  const std::string &layout = front.layout, &head = front.head;

  Restored restored;
  Plan plan{{}, SnapshotCodec::LayoutOf(*store), true};
  if (layout == plan.to.ToJson()) {  // As a rule.
    GFR_TRY(SnapshotCodec::ReadHead(head, nullptr, *store, &restored.extra, as.open_epochs));
    GFR_TRY(SnapshotCodec::RestoreTables(source, *store));
    return restored;
  }
  GFR_ASSIGN(plan.from, StateLayout::FromJson(layout));
  if (plan.from.alias != plan.to.alias && !as.base)
    return Error{ErrorCode::kNotFound, "the snapshot is of another rule of [users]", {path, 0}};
  const LackingStates lacking = FindLacking(plan.from, store->features());
  plan.items = as.base || !lacking.any();
  GFR_TRY(SnapshotCodec::ReadHead(head, &plan, *store, &restored.extra, as.open_epochs));
  GFR_TRY(SnapshotCodec::RestoreMapped(source, plan, *store));
  if (as.base || !lacking.any()) return restored;
  restored.lacking = store->features().Subset(lacking.features, lacking.parents);
  restored.states = lacking.features.size() + lacking.parents.size();
  return restored;
}

}  // namespace

Result<Restored> RestoreSnapshot(FileSystem& fs, const std::string& path, OnlineStore* store) {
  GFR_ASSIGN(const auto file, fs.OpenForRead(path));
  return RestoreFrom(*file, path, {}, store);
}

Result<SnapshotInstant> ReadSnapshotInstant(FileSystem& fs, const std::string& path) {
  GFR_ASSIGN(const auto file, fs.OpenForRead(path));
  GFR_ASSIGN(const std::uint64_t size, file->size());
  FileSource source(*file, 0, size);
  GFR_ASSIGN(const SnapshotFront front, ReadFront(source, path));
  if (front.of_01()) return Error{ErrorCode::kCorrupt, "a snapshot of gfr 0.1 does not say its instant", {path, 0}};
  return InstantOf(front.head);
}

Result<std::vector<std::pair<Key, Key>>> ReadBaseAliases(const RandomAccessFile& base, const std::string& name) {
  GFR_ASSIGN(const std::uint64_t size, base.size());
  FileSource source(base, 0, size);
  GFR_ASSIGN(const SnapshotFront front, ReadFront(source, name));
  if (front.of_01()) return Error{ErrorCode::kCorrupt, "not a snapshot of this version", {name, 0}};
  GFR_ASSIGN(const StateLayout layout, StateLayout::FromJson(front.layout));
  for (const std::size_t row_bytes : {layout.user_row_bytes(), layout.session_row_bytes()})
    GFR_TRY(VersionedTable::ReadSaved(source, static_cast<std::uint32_t>(row_bytes), [](Key, std::string_view) {}));
  std::vector<std::pair<Key, Key>> aliases;
  GFR_TRY(VersionedTable::ReadSaved(source, sizeof(Key), [&](Key from, std::string_view row) {
    aliases.emplace_back(from, ByteReader{row}.Number<Key>());
  }));
  return aliases;
}

Status RestoreBase(const RandomAccessFile& base, const std::string& name, bool open_epochs, OnlineStore* store) {
  const auto restored = RestoreFrom(base, name, {.base = true, .open_epochs = open_epochs}, store);
  return restored.ok() ? Status() : restored.error();
}

void ForgetUser(Key user, OnlineStore* store) { SnapshotCodec::Forget(user, *store); }

Status AddStates(OnlineStore& from, OnlineStore* into) {
  assert(from.next_offset() == into->next_offset());
  from.AdvanceTo(into->epoch_end_ms());
  return SnapshotCodec::AddStates(from, *into);
}

Status ReadSnapshot(FileSystem& fs, const std::string& path, OnlineStore* store, std::string* extra) {
  GFR_ASSIGN(Restored restored, RestoreSnapshot(fs, path, store));
  if (restored.lacking) return Error{ErrorCode::kNotFound, "the snapshot is of other definitions", {path, 0}};
  *extra = std::move(restored.extra);
  return {};
}

}  // namespace gfr
