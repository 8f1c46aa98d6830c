#include "store/versioned_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>

namespace gfr {
namespace {

constexpr std::size_t kBatch = 32;            // Rows whose memory is fetched at once.
constexpr std::size_t kRecycleAt = 64;        // Versions to be had back that make a look at the pins worth it.
constexpr std::uint64_t kFirstCapacity = 64;  // Of an index.
constexpr std::size_t kHugePage = 2 << 20;

std::uint64_t Mix(Key key) {
  const std::uint64_t h = key * 0x9E3779B97F4A7C15ull;
  return h ^ (h >> 32);
}

std::uint64_t TagOf(std::uint64_t hash) { return (hash & 0xffffffff) | 1; }

std::uint64_t SlotOf(std::uint64_t hash, std::uint64_t capacity) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(hash) * capacity) >> 64);
}

constexpr char kMagic[] = "GFRTABL1";
constexpr std::size_t kHeaderBytes = 24, kChunkHeaderBytes = 8;
constexpr std::size_t kChunkBytes = 1 << 20;  // Of a snapshot's chunk, about.
constexpr std::uint32_t kMaxChunkRows = 1 << 16;

template <typename T>
void Put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T Get(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::byte* Map(std::size_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  if (bytes >= kHugePage) madvise(at, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(at);
}

void PrefetchBytes(const std::byte* at, std::size_t bytes) {
  bytes = std::min<std::size_t>(bytes, 512);
  for (std::size_t b = 0; b < bytes; b += 64) __builtin_prefetch(at + b);
  __builtin_prefetch(at + bytes - 1);
}

}  // namespace

StableArray::~StableArray() {
  for (int c = 0; c < 33 - kFirstBits; ++c) {
    if (std::byte* at = chunks_[c].load()) munmap(at, ChunkBytes(c));
  }
}

std::size_t StableArray::ChunkBytes(int chunk) const {
  return (static_cast<std::size_t>(kFirst) << std::max(0, chunk - 1)) * stride_;
}

void StableArray::Ensure(std::uint32_t i) {
  const int chunk = std::bit_width(i | (kFirst - 1)) - kFirstBits;
  if (chunks_[chunk].load(std::memory_order_relaxed) == nullptr)
    chunks_[chunk].store(Map(ChunkBytes(chunk)), std::memory_order_release);
}

VersionedTable::Index::Index(std::uint64_t capacity)
    : capacity(capacity), slots(reinterpret_cast<std::atomic<std::uint64_t>*>(Map((capacity + kMirrored) * 8))) {}
VersionedTable::Index::~Index() { munmap(static_cast<void*>(slots), (capacity + kMirrored) * 8); }

VersionedTable::VersionedTable(Timeline& timeline, std::uint32_t row_bytes)
    : timeline_(timeline),
      row_bytes_(row_bytes),
      entities_(sizeof(Entity)),
      version_memory_(sizeof(Version) + row_bytes),
      index_(new Index(kFirstCapacity)) {
  assert(row_bytes % 8 == 0);
  version_memory_.Ensure(0);  // None, as an erased row that everyone sees: what an entity without a version has.
  VersionAt(0).stamp.store(INT64_MIN, std::memory_order_relaxed);
  VersionAt(0).erased = 1;
}

VersionedTable::~VersionedTable() { delete index_.load(); }

std::uint32_t VersionedTable::IdOf(Key key) const noexcept {
  const Index& index = *index_.load(std::memory_order_acquire);
  const std::uint64_t hash = Mix(key), tag = TagOf(hash);
  for (std::uint64_t at = SlotOf(hash, index.capacity);;) {
    const std::uint64_t slot = index.slots[at].load(std::memory_order_acquire);
    if (slot == 0) return kNoId;
    const std::uint32_t id = static_cast<std::uint32_t>(slot) - 1;
    if ((slot >> 32) == tag && EntityAt(id).key == key) return id;
    at = index.After(at);
  }
}

void VersionedTable::Index::Set(std::uint64_t at, std::uint64_t slot) noexcept {
  slots[at].store(slot, std::memory_order_release);
  if (at < kMirrored) slots[capacity + at].store(slot, std::memory_order_release);
}

void VersionedTable::Insert(Index& index, Key key, std::uint32_t id) noexcept {
  const std::uint64_t hash = Mix(key);
  std::uint64_t at = SlotOf(hash, index.capacity);
  while (index.At(at) > kRemoved) at = index.After(at);
  index.used += index.At(at) == 0;
  index.Set(at, (TagOf(hash) << 32) | (id + 1));
}

// A reader's way to another key leads over the slot, unless it ends just behind it.
void VersionedTable::Remove(Key key, std::uint32_t id) noexcept {
  Index& index = *index_.load(std::memory_order_relaxed);
  const std::uint64_t hash = Mix(key), slot = (TagOf(hash) << 32) | (id + 1);
  std::uint64_t at = SlotOf(hash, index.capacity);
  while (index.At(at) != slot) at = index.After(at);
  --live_;
  index.Set(at, kRemoved);
  if (index.At(index.After(at)) != 0) return;
  while (index.At(at) == kRemoved) {
    index.Set(at, 0);
    --index.used;
    at = at == 0 ? index.capacity - 1 : at - 1;
  }
}

// Readers may be in the old index: it goes when every pin is of a later Publish, whose readers have seen the new one.
void VersionedTable::GrowIndex(std::uint64_t entities) {
  Index* old = index_.load(std::memory_order_relaxed);
  // What is full of removed slots is written anew at its size.
  const std::uint64_t least = live_ * std::uint64_t{2} < old->capacity ? old->capacity : old->capacity * 3 / 2;
  auto made = std::make_unique<Index>(std::max(least, entities + entities / 2));
  const std::uint32_t n = size_.load(std::memory_order_relaxed);
  for (std::uint32_t id = 0; id < n; ++id) {
    if (id + kBatch < n) __builtin_prefetch(&made->slots[SlotOf(Mix(EntityAt(id + kBatch).key), made->capacity)], 1);
    if (EntityAt(id).newest.load(std::memory_order_relaxed) != 0) Insert(*made, EntityAt(id).key, id);
  }
  index_.store(made.release(), std::memory_order_release);
  if (timeline_.exclusive()) {
    delete old;
  } else {
    indexes_.emplace_back(timeline_.published(), old);
  }
}

void VersionedTable::Reserve(std::uint32_t entities) {
  if (index_.load(std::memory_order_relaxed)->capacity * 3 < std::uint64_t{entities} * 4) GrowIndex(entities);
}

// A version under one of stamp <= SafeBound() is out of every reader's reach: whoever comes to the upper one may see
// it. If the upper one says that there is none, it is taken out, too: but whoever pinned before that may have come to
// it, so that it and its id are free only when every pin is of a later Publish.
void VersionedTable::Recycle() {
  if (!free_.empty()) return;
  if (retired_.size() + erased_.size() + let_go_.size() < kRecycleAt && indexes_.empty()) return;
  const std::int64_t safe = timeline_.SafeBound();
  for (; !retired_.empty() && retired_.front().stamp <= safe; retired_.pop_front())
    free_.push_back(retired_.front().version);
  for (; !let_go_.empty() && let_go_.front().published < safe; let_go_.pop_front()) {
    free_.push_back(let_go_.front().version);
    FreeId(let_go_.front().id);
  }
  for (; !erased_.empty() && erased_.front().stamp <= safe; erased_.pop_front()) {
    const std::uint32_t id = erased_.front().id;
    Entity& entity = EntityAt(id);
    const std::uint32_t v = entity.newest.load(std::memory_order_relaxed);
    if (v == 0 || VersionAt(v).erased == 0 || VersionAt(v).stamp.load(std::memory_order_relaxed) > safe) continue;
    Remove(entity.key, id);
    entity.newest.store(0, std::memory_order_release);
    let_go_.push_back({timeline_.published(), id, v});
  }
  std::erase_if(indexes_, [&](const auto& old) { return old.first < safe; });
}

void VersionedTable::FreeId(std::uint32_t id) {
  EntityAt(id).key = 0;
  free_ids_.push_back(id);
}

std::uint32_t VersionedTable::Allocate() {
  if (!free_.empty()) {
    const std::uint32_t v = free_.back();
    free_.pop_back();
    return v;
  }
  if (used_ == kNoId) throw std::bad_alloc();
  version_memory_.Ensure(used_);
  return used_++;
}

std::uint32_t VersionedTable::Add(Key key) {
  const Index& index = *index_.load(std::memory_order_relaxed);
  if (index.used * 4 >= index.capacity * 3) GrowIndex(live_);
  std::uint32_t id = size_.load(std::memory_order_relaxed);
  if (!free_ids_.empty()) {
    id = free_ids_.back();
    free_ids_.pop_back();
  } else if (id == kNoId - 1) {
    throw std::bad_alloc();
  }
  entities_.Ensure(id);
  EntityAt(id).key = key;
  ++live_;
  return id;
}

// The version of `id` that the writer may change. `copy`: with the newest version's bytes, else zero.
VersionedTable::Version& VersionedTable::Renew(std::uint32_t id, std::int64_t stamp, bool copy) {
  Entity& entity = EntityAt(id);
  const std::uint32_t newest = entity.newest.load(std::memory_order_relaxed);
  Version* under = newest == 0 ? nullptr : &VersionAt(newest);
  if (under != nullptr && under->erased != 0) copy = false;
  if (under != nullptr &&
      (timeline_.exclusive() || under->stamp.load(std::memory_order_relaxed) > timeline_.published())) {
    if (!copy) std::memset(under->row(), 0, row_bytes_);
    under->stamp.store(stamp, std::memory_order_relaxed);
    return *under;
  }
  const std::uint32_t v = Allocate();
  Version& version = VersionAt(v);
  version.stamp.store(stamp, std::memory_order_relaxed);
  version.older = newest;
  if (copy && under != nullptr) {
    std::memcpy(version.row(), under->row(), row_bytes_);
  } else {
    std::memset(version.row(), 0, row_bytes_);
  }
  entity.newest.store(v, std::memory_order_release);
  if (newest != 0) retired_.push_back({stamp, newest});
  return version;
}

std::byte* VersionedTable::Write(Key key, std::int64_t stamp) {
  assert(key != 0);
  timeline_.NoteWrite(stamp);
  Recycle();  // Before the id is looked up, which may go.
  std::uint32_t id = IdOf(key);
  const bool made = id == kNoId;
  if (made) id = Add(key);
  Version& version = Renew(id, stamp, true);
  version.erased = 0;
  if (made) {  // Readers come to an entity that has a version.
    if (id == size_.load(std::memory_order_relaxed)) size_.store(id + 1, std::memory_order_release);
    Insert(*index_.load(std::memory_order_relaxed), key, id);
  }
  return version.row();
}

void VersionedTable::Erase(Key key, std::int64_t stamp) {
  timeline_.NoteWrite(stamp);
  Recycle();
  const std::uint32_t id = IdOf(key);
  if (id == kNoId) return;
  if (timeline_.exclusive()) {  // Nobody reads.
    Remove(key, id);
    free_.push_back(EntityAt(id).newest.exchange(0, std::memory_order_relaxed));
    FreeId(id);
  } else if (At(id) != nullptr) {
    Renew(id, stamp, false).erased = 1;
    erased_.push_back({stamp, id});
  }
}

const std::byte* VersionedTable::Visible(std::uint32_t v, std::int64_t bound) const noexcept {
  while (v != 0) {
    Version& version = VersionAt(v);
    if (version.stamp.load(std::memory_order_relaxed) <= bound) return version.erased != 0 ? nullptr : version.row();
    v = version.older;
  }
  return nullptr;
}

const std::byte* VersionedTable::At(std::uint32_t id) const noexcept {
  Version& version = VersionAt(EntityAt(id).newest.load(std::memory_order_relaxed));
  return version.erased != 0 ? nullptr : version.row();
}

const std::byte* VersionedTable::Find(Key key) const noexcept {
  const std::uint32_t id = IdOf(key);
  return id == kNoId ? nullptr : At(id);
}

const std::byte* VersionedTable::At(std::uint32_t id, const Pin& pin) const noexcept {
  return Visible(EntityAt(id).newest.load(std::memory_order_acquire), pin.bound());
}

const std::byte* VersionedTable::Find(Key key, const Pin& pin) const noexcept {
  const std::uint32_t id = IdOf(key);
  return id == kNoId ? nullptr : At(id, pin);
}

// Where the entities of a batch are, null for none; their memory has been asked for. Each pass asks for what the next
// one needs.
void VersionedTable::Locate(std::span<const Key> keys, const Entity** entity) const noexcept {
  const Index& index = *index_.load(std::memory_order_acquire);
  std::uint64_t hash[kBatch];
  for (std::size_t i = 0; i < keys.size(); ++i) {
    hash[i] = Mix(keys[i]);
    __builtin_prefetch(&index.slots[SlotOf(hash[i], index.capacity)]);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Nearly every key is in one of its first slots: which one it is decides no branch.
    const std::atomic<std::uint64_t>* slots = &index.slots[SlotOf(hash[i], index.capacity)];
    const std::uint64_t tag = TagOf(hash[i]);
    std::uint64_t slot = 0;
#pragma GCC unroll 4
    for (int j = kMirrored - 1; j >= 0; --j) {
      const std::uint64_t s = slots[j].load(std::memory_order_acquire);
      slot ^= (slot ^ s) & (std::uint64_t{0} - static_cast<std::uint64_t>((s >> 32) == tag));
    }
    std::uint32_t id = static_cast<std::uint32_t>(slot) - 1;
    if (slot == 0) id = IdOf(keys[i]);
    entity[i] = id == kNoId ? nullptr : &EntityAt(id);
    __builtin_prefetch(entity[i]);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (entity[i] == nullptr || entity[i]->key == keys[i]) continue;
    const std::uint32_t id = IdOf(keys[i]);  // Two keys with 32 equal bits of hash.
    entity[i] = id == kNoId ? nullptr : &EntityAt(id);
  }
}

void VersionedTable::FindMany(std::span<const Key> keys, const Pin& pin,
                              std::span<const std::byte*> out) const noexcept {
  assert(out.size() == keys.size());
  const Entity* entity[kBatch];
  for (std::size_t begin = 0; begin < keys.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, keys.size() - begin);
    Locate(keys.subspan(begin, n), entity);
    Gather({entity, n}, pin.bound(), out.data() + begin);
  }
}

void VersionedTable::Prefetch(std::span<const Key> keys) const noexcept {
  const Entity* entity[kBatch];
  for (std::size_t begin = 0; begin < keys.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, keys.size() - begin);
    Locate(keys.subspan(begin, n), entity);
    for (std::size_t i = 0; i < n; ++i) {
      if (entity[i] == nullptr) continue;
      const Version& newest = VersionAt(entity[i]->newest.load(std::memory_order_relaxed));
      PrefetchBytes(reinterpret_cast<const std::byte*>(&newest), sizeof(Version) + row_bytes_);
    }
  }
}

void VersionedTable::AtMany(std::span<const std::uint32_t> ids, const Pin& pin,
                            std::span<const std::byte*> out) const noexcept {
  assert(out.size() == ids.size());
  const Entity* entity[kBatch];
  for (std::size_t begin = 0; begin < ids.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, ids.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      entity[i] = &EntityAt(ids[begin + i]);
      __builtin_prefetch(entity[i]);
    }
    Gather({entity, n}, pin.bound(), out.data() + begin);
  }
}

// The visible rows of a batch of entities, null of none.
void VersionedTable::Gather(std::span<const Entity* const> entities, std::int64_t bound,
                            const std::byte** out) const noexcept {
  Version* version[kBatch];
  for (std::size_t i = 0; i < entities.size(); ++i) {
    version[i] = nullptr;
    if (entities[i] == nullptr) continue;
    version[i] = &VersionAt(entities[i]->newest.load(std::memory_order_acquire));
    PrefetchBytes(reinterpret_cast<const std::byte*>(version[i]), sizeof(Version) + row_bytes_);
  }
  for (std::size_t i = 0; i < entities.size(); ++i) {
    out[i] = nullptr;
    if (version[i] == nullptr) continue;
    if (version[i]->stamp.load(std::memory_order_relaxed) > bound) {
      out[i] = Visible(version[i]->older, bound);
    } else if (version[i]->erased == 0) {
      out[i] = version[i]->row();
    }
  }
}

std::size_t VersionedTable::memory_bytes() const noexcept {
  std::size_t bytes = size() * sizeof(Entity) + (used_ - 1) * (sizeof(Version) + std::size_t{row_bytes_}) +
                      index_.load(std::memory_order_relaxed)->capacity * 8 + free_.capacity() * 4 +
                      free_ids_.capacity() * 4 + retired_.size() * sizeof(Retired) + erased_.size() * sizeof(Erased) +
                      let_go_.size() * sizeof(LetGo);
  for (const auto& [stamp, index] : indexes_) bytes += index->capacity * 8;
  return bytes;
}

// Header: magic, row_bytes, CRC32C of all else in it, entities (an upper bound of the rows). Then chunks: rows, CRC32C
// of the records, records (key, stamp, row). A chunk of 0 rows ends the table; its CRC32C is of all chunks' CRCs.
Status VersionedTable::Save(const Pin& pin, const ByteSink& sink) const {
  const std::uint32_t n = size();
  std::string bytes(kMagic, 8);
  Put(bytes, row_bytes_);
  Put(bytes, std::uint32_t{0});
  Put(bytes, std::uint64_t{n});
  const std::uint32_t header_crc = Crc32c(bytes.data(), bytes.size());
  std::memcpy(bytes.data() + 12, &header_crc, 4);
  GFR_TRY(sink(bytes));

  std::uint32_t rows = 0, all_crc = 0;
  const auto flush = [&] {
    const std::uint32_t crc = rows == 0 ? all_crc : Crc32c(bytes.data() + kChunkHeaderBytes, bytes.size() - 8);
    all_crc = Crc32c(&crc, 4, all_crc);
    std::memcpy(bytes.data(), &rows, 4);
    std::memcpy(bytes.data() + 4, &crc, 4);
    Status status = sink(bytes);
    bytes.resize(kChunkHeaderBytes);
    rows = 0;
    return status;
  };
  bytes.assign(kChunkHeaderBytes, '\0');
  bytes.reserve(kChunkBytes + row_bytes_ + 64);
  for (std::uint32_t id = 0; id < n; ++id) {
    if (id + 8 < n)
      PrefetchBytes(version_memory_[EntityAt(id + 8).newest.load(std::memory_order_acquire)], 16 + row_bytes_);
    const std::byte* row = At(id, pin);
    if (row == nullptr) continue;
    Put(bytes, KeyAt(id));
    Put(bytes, StampOf(row));
    bytes.append(reinterpret_cast<const char*>(row), row_bytes_);
    if (++rows == kMaxChunkRows || bytes.size() >= kChunkBytes) GFR_TRY(flush());
  }
  if (rows > 0) GFR_TRY(flush());
  return flush();
}

Status VersionedTable::Restore(ByteSource& source) {
  assert(size() == 0 && timeline_.exclusive());
  const auto corrupt = [](std::string what) { return Error{ErrorCode::kCorrupt, "the table's bytes: " + what}; };
  GFR_ASSIGN(const std::string_view head, source.Next(kHeaderBytes));
  std::string header(head);
  if (header.compare(0, 8, kMagic) != 0) return corrupt("are not a table's");
  const std::uint32_t header_crc = Get<std::uint32_t>(header, 12);
  std::memset(header.data() + 12, 0, 4);
  if (header_crc != Crc32c(header.data(), header.size())) return corrupt("the header is not what was written");
  if (const auto bytes = Get<std::uint32_t>(header, 8); bytes != row_bytes_)
    return corrupt("rows of " + std::to_string(bytes) + " bytes, and not of " + std::to_string(row_bytes_));
  const std::size_t record = 16 + std::size_t{row_bytes_};
  Reserve(static_cast<std::uint32_t>(
      std::min({Get<std::uint64_t>(header, 16), source.remaining() / record, std::uint64_t{kNoId - 1}})));

  for (std::uint32_t all_crc = 0;;) {
    GFR_ASSIGN(const std::string_view chunk, source.Next(kChunkHeaderBytes));
    const auto rows = Get<std::uint32_t>(chunk, 0), crc = Get<std::uint32_t>(chunk, 4);
    if (rows == 0) {
      if (crc != all_crc) return corrupt("chunks are missing or not in their order");
      return {};
    }
    if (rows > kMaxChunkRows) return corrupt("a chunk of " + std::to_string(rows) + " rows");
    all_crc = Crc32c(&crc, 4, all_crc);
    GFR_ASSIGN(const std::string_view body, source.Next(rows * record));
    if (crc != Crc32c(body.data(), body.size())) return corrupt("a chunk is not what was written");
    for (std::uint32_t r = 0; r < rows; ++r) {
      const Index& index = *index_.load(std::memory_order_relaxed);
      if (r + kBatch < rows)
        __builtin_prefetch(&index.slots[SlotOf(Mix(Get<Key>(body, (r + kBatch) * record)), index.capacity)], 1);
      const Key key = Get<Key>(body, r * record);
      const auto stamp = Get<std::int64_t>(body, r * record + 8);
      if (key == 0 || stamp == std::numeric_limits<std::int64_t>::max() || IdOf(key) != kNoId)
        return corrupt("an entity that cannot be, or comes twice");
      timeline_.NoteRestored(stamp);
      const std::uint32_t id = Add(key);
      Version& version = Renew(id, stamp, false);
      version.erased = 0;
      std::memcpy(version.row(), body.data() + r * record + 16, row_bytes_);
      size_.store(id + 1, std::memory_order_release);
      Insert(*index_.load(std::memory_order_relaxed), key, id);
    }
  }
}

}  // namespace gfr
