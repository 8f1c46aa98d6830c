#include "store/snapshot.h"

#include <algorithm>
#include <cstring>

namespace gfr {

// Writes and reads the same fields in the same order: one function a type serves both directions.
class SnapshotCodec {
 public:
  explicit SnapshotCodec(std::string* out) : out_(out) {}
  explicit SnapshotCodec(std::string_view in) : in_(in) {}
  bool bad() const { return bad_; }
  bool done() const { return in_.empty(); }

  void Do(OnlineStore& s) {
    Number(s.epoch_end_ms_);
    Number(s.last_arrival_ms_);
    Number(s.next_offset_);
    Table(s.users_);
    Table(s.sessions_);
    for (StateTable& table : s.shared_) Table(table);
    for (auto& total : s.totals_) Words(total.data(), total.size());
    Map(s.user_properties_, [&](auto& values) { Values(values); });
    Map(s.recent_, [&](auto& keys) { List(keys, [&](Key& k) { Number(k); }); });
    Map(s.items_, [&](ItemSummary& i) {
      Text(i.id);
      Values(i.properties);
      Number(i.first_seen_ms);
      Number(i.impressions);
      Number(i.clicks);
      Number(i.popularity);
      Number(i.popularity_ms);
    });
    List(s.pending_, [&](OnlineStore::PendingLine& p) {
      Number(p.arrival_ms);
      Number(p.line.type);
      Number(p.line.kind);
      Number(p.line.item);
      Number(p.line.time_ms);
      Number(p.line.index);
      Number(p.line.step);
      Values(p.item_properties);
      Values(p.user_properties);
      Text(p.item_id);
      Number(p.catalogue);
      Values(p.update);
    });
  }
  void Text(std::string& text) {
    std::uint64_t n = text.size();
    Count(n, 1);
    if (out_) {
      out_->append(text);
    } else if (!bad_) {
      text.assign(in_.substr(0, n));
      in_.remove_prefix(n);
    }
  }
  template <typename T>
  void Number(T& value) {
    Bytes(&value, sizeof value);
  }

 private:
  void Bytes(void* data, std::size_t size) {
    if (out_) {
      out_->append(static_cast<const char*>(data), size);
    } else if (in_.size() < size) {
      bad_ = true;
    } else {
      std::memcpy(data, in_.data(), size);
      in_.remove_prefix(size);
    }
  }
  void Words(std::uint64_t* data, std::size_t count) { Bytes(data, count * 8); }
  void Count(std::uint64_t& n, std::size_t bytes_each) {
    Number(n);
    if (!out_ && (bad_ || n > in_.size() / bytes_each)) {
      bad_ = true;
      n = 0;
    }
  }
  void Values(std::vector<PropertyValue>& values) {
    List(values, [&](PropertyValue& v) {
      Number(v.number);
      Number(v.category);
    });
  }
  template <typename L, typename F>
  void List(L& list, F&& each) {
    std::uint64_t n = list.size();
    Count(n, 1);
    if (!out_) list.resize(n);
    for (auto& entry : list) {
      if (!bad_) each(entry);
    }
  }
  template <typename M, typename F>
  void Map(M& map, F&& each) {
    std::uint64_t n = map.size();
    Count(n, 8);
    if (out_) {
      for (auto& [key, value] : map) {
        Key k = key;
        Number(k);
        each(value);
      }
      return;
    }
    for (; n > 0 && !bad_; --n) {
      Key k = 0;
      Number(k);
      each(map[k]);
    }
  }
  void Table(StateTable& table) {
    const std::size_t words = table.row_bytes_ / 8;
    std::uint64_t n = table.rows_.size();
    Count(n, 8 + words * 8);
    if (out_) {
      for (auto& [key, row] : table.rows_) {
        Key k = key;
        Number(k);
        Words(row.get(), words);
      }
      return;
    }
    for (; n > 0 && !bad_; --n) {
      Key k = 0;
      Number(k);
      Words(reinterpret_cast<std::uint64_t*>(table.Get(k)), words);
    }
  }

  std::string* out_ = nullptr;
  std::string_view in_;
  bool bad_ = false;
};

namespace {

constexpr char kMagic[] = "GFRSNAP1";
constexpr std::size_t kHeaderBytes = 20;

// Of everything that the bytes depend on.
std::uint64_t Shape(const FeatureSet& set) {
  std::string text = std::to_string(set.fingerprint) + ";" + std::to_string(set.schema.price_from_impressions);
  for (std::size_t p = 0; p < set.schema.item_names.size(); ++p)
    text += ";" + set.schema.item_names[p] + (set.schema.item_categorical[p] ? "c" : "n");
  for (std::size_t p = 0; p < set.schema.user_names.size(); ++p)
    text += ";" + set.schema.user_names[p] + (set.schema.user_categorical[p] ? "c" : "n");
  return Hash64(text.data(), text.size());
}

}  // namespace

std::string EncodeSnapshot(const OnlineStore& store, std::string_view extra) {
  std::string bytes(kMagic, 8);
  const std::uint64_t shape = Shape(store.features());
  bytes.append(reinterpret_cast<const char*>(&shape), 8);
  bytes.append(4, '\0');
  SnapshotCodec codec(&bytes);
  codec.Do(const_cast<OnlineStore&>(store));  // Writing changes nothing.
  std::string own(extra);
  codec.Text(own);
  const std::uint32_t crc = Crc32c(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes);
  std::memcpy(bytes.data() + 16, &crc, 4);
  return bytes;
}

Status DecodeSnapshot(std::string_view bytes, OnlineStore* store, std::string* extra) {
  std::uint64_t shape = 0;
  std::uint32_t crc = 0;
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, 8) != 0)
    return Error{ErrorCode::kCorrupt, "not a snapshot"};
  std::memcpy(&shape, bytes.data() + 8, 8);
  std::memcpy(&crc, bytes.data() + 16, 4);
  bytes.remove_prefix(kHeaderBytes);
  if (crc != Crc32c(bytes.data(), bytes.size()))
    return Error{ErrorCode::kCorrupt, "the snapshot's bytes are not what was written"};
  if (shape != Shape(store->features())) return Error{ErrorCode::kNotFound, "the snapshot is of other definitions"};
  SnapshotCodec codec(bytes);
  codec.Do(*store);
  codec.Text(*extra);
  if (codec.bad() || !codec.done()) return Error{ErrorCode::kCorrupt, "the snapshot cannot be read"};
  return {};
}

}  // namespace gfr
