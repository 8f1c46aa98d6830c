#include "store/snapshot.h"

#include "base/byte_reader.h"

namespace gfr {
namespace {

constexpr char kMagic[] = "GFRSNAP4";
constexpr std::size_t kHeaderBytes = 28;  // Magic, shape, bytes of the head, its checksum.
constexpr std::size_t kMaxHeadBytes = 1u << 30;

template <typename T>
void Put(const T& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
void PutText(std::string_view text, std::string* out) {
  Put(std::uint64_t{text.size()}, out);
  out->append(text);
}

// Of everything that the bytes depend on.
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
  static Status ReadHead(std::string_view bytes, OnlineStore& s, std::string* extra) {
    ByteReader r{bytes};
    s.last_arrival_ms_ = r.Number<std::int64_t>();
    s.next_offset_ = r.Number<std::int64_t>();
    s.shared_.epoch_end_ms_ = r.Number<std::int64_t>();
    for (auto open = r.Number<std::uint64_t>(); open > 0 && !r.bad; --open) {
      const auto end_ms = r.Number<std::int64_t>();
      const std::string_view delta = r.Text();
      if (!r.bad) GFR_TRY(s.shared_.AddDelta(end_ms, delta));
    }
    *extra = r.Text();
    if (r.bad || !r.left.empty()) return Error{ErrorCode::kCorrupt, "the snapshot's head cannot be read"};
    return {};
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
    for (VersionedTable* table : {&s.users_, &s.sessions_, &s.aliases_, &s.shared_.items_, &s.shared_.shop_})
      GFR_TRY(table->Restore(source));
    for (const auto& table : s.shared_.entities_) GFR_TRY(table->Restore(source));
    s.QueueSessions();
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
      if (id == VersionedTable::kNoId) return Error{ErrorCode::kCorrupt, "the snapshot names an item that it has not"};
      s.shared_.texts_.Set(id, text);
    }
    return r.bad ? Status(Error{ErrorCode::kCorrupt, "the snapshot's item ids cannot be read"}) : Status();
  }
};

Snapshot Snapshot::Take(const OnlineStore& store) { return Snapshot(store, SnapshotCodec::Head(store)); }

Status Snapshot::Write(FileSystem& fs, const std::string& path, std::string_view extra) const {
  const std::string beside = path + ".tmp", folder = path.substr(0, path.rfind('/'));
  {
    GFR_ASSIGN(const auto file, fs.OpenForWrite(beside, /*append=*/false));
    std::string header(kMagic, 8);
    Put(Shape(store_.features()), &header);
    std::string head = head_;
    PutText(extra, &head);
    Put(std::uint64_t{head.size()}, &header);
    Put(Crc32c(head.data(), head.size()), &header);
    GFR_TRY(file->Append(header));
    GFR_TRY(file->Append(head));
    GFR_TRY(SnapshotCodec::SaveTables(store_, users_, shared_, [&](std::string_view b) { return file->Append(b); }));
    GFR_TRY(file->Sync());
  }
  GFR_TRY(fs.Rename(beside, path));
  return fs.SyncDirectory(folder);
}

Status ReadSnapshot(FileSystem& fs, const std::string& path, OnlineStore* store, std::string* extra) {
  GFR_ASSIGN(const auto file, fs.OpenForRead(path));
  GFR_ASSIGN(const std::uint64_t size, file->size());
  FileSource source(*file, 0, size);
  const auto header = source.Next(kHeaderBytes);
  if (!header.ok() || header.value().compare(0, 8, kMagic, 8) != 0)
    return Error{ErrorCode::kCorrupt, "not a snapshot of this version", {path, 0}};
  ByteReader h{header.value().substr(8)};
  if (h.Number<std::uint64_t>() != Shape(store->features()))
    return Error{ErrorCode::kNotFound, "the snapshot is of other definitions", {path, 0}};
  const auto head_bytes = h.Number<std::uint64_t>();
  const auto crc = h.Number<std::uint32_t>();
  if (head_bytes > kMaxHeadBytes || head_bytes > source.remaining())
    return Error{ErrorCode::kCorrupt, "the snapshot's head has no end", {path, 0}};
  GFR_ASSIGN(const std::string_view head, source.Next(head_bytes));
  if (crc != Crc32c(head.data(), head.size()))
    return Error{ErrorCode::kCorrupt, "the snapshot's bytes are not what was written", {path, 0}};
  GFR_TRY(SnapshotCodec::ReadHead(head, *store, extra));
  return SnapshotCodec::RestoreTables(source, *store);
}

}  // namespace gfr
