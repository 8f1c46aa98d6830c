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
    Number(s.last_arrival_ms_);
    Number(s.next_offset_);
    Table(s.users_);
    Table(s.sessions_);
    Table(s.aliases_);
    SharedState& shared = s.shared_;
    Number(shared.epoch_end_ms_);
    Table(shared.items_);
    for (StateTable& table : shared.entities_) Table(table);
    Bytes(shared.shop_.data(), shared.shop_.size());
    Ids(shared.ids_);
    std::uint64_t open = shared.open_.size();
    Count(open, 8);
    for (auto at = shared.open_.begin(); open > 0 && !bad_; --open) {
      std::int64_t end_ms = out_ ? at->first : 0;
      Number(end_ms);
      SharedState::Open& epoch = out_ ? at->second : shared.OpenAt(end_ms);
      if (out_) ++at;
      Table(epoch.items);
      for (StateTable& table : epoch.entities) Table(table);
      Bytes(epoch.shop.data(), epoch.shop.size());
      Ids(epoch.ids);
    }
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
  void Count(std::uint64_t& n, std::size_t bytes_each) {
    Number(n);
    if (!out_ && (bad_ || n > in_.size() / bytes_each)) {
      bad_ = true;
      n = 0;
    }
  }
  void Ids(std::unordered_map<Key, std::string>& ids) {
    std::uint64_t n = ids.size();
    Count(n, 16);
    if (out_) {
      for (auto& [key, text] : ids) {
        Key k = key;
        Number(k);
        Text(text);
      }
      return;
    }
    for (; n > 0 && !bad_; --n) {
      Key k = 0;
      Number(k);
      Text(ids[k]);
    }
  }
  // In order of dense id, which a restored table keeps.
  void Table(StateTable& table) {
    std::uint64_t n = table.size();
    Count(n, 8 + table.row_bytes());
    for (std::size_t id = 0; id < n && !bad_; ++id) {
      Key key = out_ ? table.key(id) : 0;
      Number(key);
      if (key == 0) bad_ = true;
      if (!bad_) Bytes(table.Get(key), table.row_bytes());
    }
  }

  std::string* out_ = nullptr;
  std::string_view in_;
  bool bad_ = false;
};

namespace {

constexpr char kMagic[] = "GFRSNAP2";
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
