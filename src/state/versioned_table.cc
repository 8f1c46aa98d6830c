#include "state/versioned_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace gfr {
namespace {

constexpr std::size_t kFetched = 32;          // Rows whose memory is fetched at once.
constexpr std::size_t kRecycleAt = 64;        // Versions to be had back that make a look at the pins worth it.
constexpr std::uint64_t kFirstEntities = 54;  // That an index has room for.
constexpr std::size_t kHugePage = 2 << 20;

std::uint64_t Mix(Key key) {
  const std::uint64_t h = key * 0x9E3779B97F4A7C15ull;
  return h ^ (h >> 32);
}

std::uint64_t TagOf(std::uint64_t hash) { return std::max<std::uint64_t>(hash & 0xff, 1); }

std::uint64_t Scale(std::uint64_t hash, std::uint64_t below) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(hash) * below) >> 64);
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

// `small`: of these first bytes it need not be huge pages, which are touched whole.
std::byte* Map(std::size_t bytes, std::size_t small = 0) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  if (bytes >= kHugePage + small) madvise(static_cast<std::byte*>(at) + small, bytes - small, MADV_HUGEPAGE);
  return static_cast<std::byte*>(at);
}

}  // namespace

StableArray::StableArray(std::size_t stride)
    : stride_(stride), chunks_(reinterpret_cast<std::atomic<std::byte*>*>(Map(kChunks * sizeof(void*)))) {}

StableArray::~StableArray() {
  for (std::size_t c = 0; c < kChunks && chunks_[c].load() != nullptr; ++c) munmap(chunks_[c].load(), kChunk * stride_);
  munmap(static_cast<void*>(chunks_), kChunks * sizeof(void*));
}

void StableArray::Ensure(std::uint32_t i) {
  auto& chunk = chunks_[i >> kChunkBits];
  if (chunk.load(std::memory_order_relaxed) == nullptr)
    chunk.store(Map(kChunk * stride_, i < kChunk ? kHugePage : 0), std::memory_order_release);
}

std::uint32_t VersionedTable::Chunk::Matches(std::uint64_t tag) const noexcept {
#ifdef __SSE2__
  const __m128i all = _mm_set_epi64x(static_cast<long long>(tags[1].load(std::memory_order_acquire)),
                                     static_cast<long long>(tags[0].load(std::memory_order_acquire)));
  const __m128i equal = _mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(tag)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(equal)) & ((1u << kSlots) - 1);
#else
  std::uint32_t matches = 0;
  for (int slot = 0; slot < kSlots; ++slot)
    matches |=
        static_cast<std::uint32_t>((tags[slot / 8].load(std::memory_order_acquire) >> slot % 8 * 8 & 0xff) == tag)
        << slot;
  return matches;
#endif
}

void VersionedTable::Chunk::SetTag(int slot, std::uint64_t tag) noexcept {
  std::atomic<std::uint64_t>& word = tags[slot / 8];
  const std::uint64_t others = word.load(std::memory_order_relaxed) & ~(std::uint64_t{0xff} << slot % 8 * 8);
  word.store(others | tag << slot % 8 * 8, std::memory_order_release);
}

void VersionedTable::Chunk::Pass(std::int64_t keys) noexcept {
  tags[1].store(tags[1].load(std::memory_order_relaxed) + (static_cast<std::uint64_t>(keys) << 32),
                std::memory_order_release);
}

VersionedTable::Index::Index(std::uint64_t entities)
    : count(entities * 4 / 3 / Chunk::kSlots + 1), chunks(reinterpret_cast<Chunk*>(Map(count * sizeof(Chunk)))) {}
VersionedTable::Index::~Index() { munmap(static_cast<void*>(chunks), count * sizeof(Chunk)); }
VersionedTable::Chunk& VersionedTable::Index::Home(std::uint64_t hash) const noexcept {
  return chunks[Scale(hash, count)];
}
VersionedTable::Chunk& VersionedTable::Index::After(Chunk& chunk) const noexcept {
  return &chunk + 1 == chunks + count ? chunks[0] : (&chunk)[1];
}

void VersionedTable::Index::Insert(std::uint64_t hash, std::uint32_t version) noexcept {
  for (Chunk* chunk = &Home(hash);; chunk = &After(*chunk)) {
    if (const std::uint32_t free = chunk->Matches(0); free != 0) {
      const int slot = std::countr_zero(free);
      chunk->versions[slot].store(version, std::memory_order_release);
      chunk->SetTag(slot, TagOf(hash));
      return;
    }
    chunk->Pass(1);
  }
}

VersionedTable::VersionedTable(Timeline& timeline, std::uint32_t row_bytes)
    : timeline_(timeline),
      row_bytes_(row_bytes),
      entities_(sizeof(std::uint32_t)),
      version_memory_(sizeof(Version) + row_bytes),
      index_(new Index(kFirstEntities)) {
  assert(row_bytes % 8 == 0);
  version_memory_.Ensure(0);  // None, as an erased row that everyone sees: what an entity without a version has.
  VersionAt(0).stamp.store(INT64_MIN, std::memory_order_relaxed);
  VersionAt(0).of.store(kNoId, std::memory_order_relaxed);
}

VersionedTable::~VersionedTable() { delete index_.load(); }

// The newest version of a key, null when it has none; `slot`: where that is noted.
const VersionedTable::Version* VersionedTable::NewestOf(Key key, Slot** slot) const noexcept {
  const Index& index = *index_.load(std::memory_order_acquire);
  const std::uint64_t hash = Mix(key), tag = TagOf(hash);
  Chunk* chunk = &index.Home(hash);
  for (std::uint64_t n = 0; n < index.count; ++n, chunk = &index.After(*chunk)) {
    for (std::uint32_t matches = chunk->Matches(tag); matches != 0; matches &= matches - 1) {
      Slot& at = chunk->versions[std::countr_zero(matches)];
      const Version& version = VersionAt(at.load(std::memory_order_acquire));
      if (version.key != key) continue;
      if (slot != nullptr) *slot = &at;
      return &version;
    }
    if (!chunk->passed()) break;
  }
  return nullptr;
}

std::uint32_t VersionedTable::IdOf(Key key) const noexcept {
  const Version* newest = NewestOf(key);
  return newest == nullptr ? kNoId : newest->id();
}

void VersionedTable::Remove(Key key) noexcept {
  const Index& index = *index_.load(std::memory_order_relaxed);
  Slot* slot = nullptr;
  NewestOf(key, &slot);
  const auto at =
      static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(slot) - reinterpret_cast<std::byte*>(index.chunks));
  Chunk& chunk = index.chunks[at / sizeof(Chunk)];
  chunk.SetTag(static_cast<int>(slot - chunk.versions), 0);
  for (Chunk* on = &index.Home(Mix(key)); on != &chunk; on = &index.After(*on)) on->Pass(-1);
  --live_;
}

// Readers may be in the old index, which is changed no more: it goes when every pin is of a later Publish, whose
// readers have seen the new one. What is written from now on they may not see.
void VersionedTable::Grow(std::uint64_t entities) {
  Index* old = index_.load(std::memory_order_relaxed);
  auto made = std::make_unique<Index>(entities);
  const std::uint32_t n = size_.load(std::memory_order_relaxed);
  for (std::uint32_t id = 0; id < n; ++id) {
    if (id + 2 * kFetched < n) __builtin_prefetch(&VersionAt(NewestAt(id + 2 * kFetched)));
    if (id + kFetched < n) __builtin_prefetch(&made->Home(Mix(KeyAt(id + kFetched))), 1);
    if (const std::uint32_t v = NewestAt(id); v != 0) made->Insert(Mix(VersionAt(v).key), v);
  }
  index_.store(made.release(), std::memory_order_release);
  if (timeline_.exclusive()) {
    delete old;
  } else {
    indexes_.emplace_back(timeline_.published(), old);
  }
}

void VersionedTable::Reserve(std::uint32_t entities) {
  if (index_.load(std::memory_order_relaxed)->capacity() * 3 < std::uint64_t{entities} * 4) Grow(entities);
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
    free_ids_.push_back(let_go_.front().id);
  }
  for (; !erased_.empty() && erased_.front().stamp <= safe; erased_.pop_front()) {
    const std::uint32_t id = erased_.front().id, v = NewestAt(id);
    const Version& version = VersionAt(v);
    if (v == 0 || !version.erased() || version.stamp.load(std::memory_order_relaxed) > safe) continue;
    Remove(version.key);
    EntityAt(id).store(0, std::memory_order_release);
    let_go_.push_back({timeline_.published(), id, v});
  }
  std::erase_if(indexes_, [&](const auto& old) { return old.first < safe; });
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

// The first version of a key that has none.
VersionedTable::Version& VersionedTable::Add(Key key, std::int64_t stamp) {
  if (std::uint64_t{live_} * 4 >= index_.load(std::memory_order_relaxed)->capacity() * 3) Grow(live_ + live_ / 2 + 1);
  std::uint32_t id = size_.load(std::memory_order_relaxed);
  if (!free_ids_.empty()) {
    id = free_ids_.back();
    free_ids_.pop_back();
  } else {
    if (id == kErased - 1) throw std::bad_alloc();
    entities_.Ensure(id);
  }
  const std::uint32_t v = Allocate();
  Version& version = VersionAt(v);
  version.stamp.store(stamp, std::memory_order_relaxed);
  version.key = key;
  version.older = 0;
  version.of.store(id, std::memory_order_relaxed);
  std::memset(version.row(), 0, row_bytes_);
  EntityAt(id).store(v, std::memory_order_release);
  if (id == size_.load(std::memory_order_relaxed)) size_.store(id + 1, std::memory_order_release);
  index_.load(std::memory_order_relaxed)->Insert(Mix(key), v);
  ++live_;
  return version;
}

// The version that the writer may change. `copy`: with the newest version's bytes, else zero.
VersionedTable::Version& VersionedTable::Renew(Slot& slot, std::int64_t stamp, bool copy) {
  const std::uint32_t newest = slot.load(std::memory_order_relaxed);
  Version& under = VersionAt(newest);
  copy = copy && !under.erased();
  if (timeline_.exclusive() || under.stamp.load(std::memory_order_relaxed) > timeline_.published()) {
    if (!copy) std::memset(under.row(), 0, row_bytes_);
    under.stamp.store(stamp, std::memory_order_relaxed);
    return under;
  }
  const std::uint32_t v = Allocate(), id = under.id();
  Version& version = VersionAt(v);
  version.stamp.store(stamp, std::memory_order_relaxed);
  version.key = under.key;
  version.older = newest;
  version.of.store(id, std::memory_order_relaxed);
  if (copy) {
    std::memcpy(version.row(), under.row(), row_bytes_);
  } else {
    std::memset(version.row(), 0, row_bytes_);
  }
  slot.store(v, std::memory_order_release);
  EntityAt(id).store(v, std::memory_order_release);
  retired_.push_back({stamp, newest});
  return version;
}

std::byte* VersionedTable::Write(Key key, std::int64_t stamp) {
  assert(key != 0);
  timeline_.NoteWrite(stamp);
  Recycle();  // Before the key is looked up, which may go.
  Slot* slot = nullptr;
  if (NewestOf(key, &slot) == nullptr) return Add(key, stamp).row();
  Version& version = Renew(*slot, stamp, true);
  version.of.store(version.id(), std::memory_order_relaxed);
  return version.row();
}

void VersionedTable::Erase(Key key, std::int64_t stamp) {
  timeline_.NoteWrite(stamp);
  Recycle();
  Slot* slot = nullptr;
  const Version* newest = NewestOf(key, &slot);
  if (newest == nullptr) return;
  const std::uint32_t id = newest->id();
  if (timeline_.exclusive()) {  // Nobody reads.
    Remove(key);
    EntityAt(id).store(0, std::memory_order_relaxed);
    free_.push_back(slot->load(std::memory_order_relaxed));
    free_ids_.push_back(id);
  } else if (!newest->erased()) {
    Renew(*slot, stamp, false).of.store(id | kErased, std::memory_order_relaxed);
    erased_.push_back({stamp, id});
  }
}

inline const std::byte* VersionedTable::Visible(const Version& newest, std::int64_t bound) const noexcept {
  if (newest.stamp.load(std::memory_order_relaxed) > bound) return VisibleOlder(newest.older, bound);
  return newest.erased() ? nullptr : newest.row();
}

const std::byte* VersionedTable::VisibleOlder(std::uint32_t v, std::int64_t bound) const noexcept {
  for (; v != 0; v = VersionAt(v).older) {
    Version& version = VersionAt(v);
    if (version.stamp.load(std::memory_order_relaxed) <= bound) return version.erased() ? nullptr : version.row();
  }
  return nullptr;
}

const std::byte* VersionedTable::At(std::uint32_t id) const noexcept {
  Version& version = VersionAt(NewestAt(id));
  return version.erased() ? nullptr : version.row();
}

const std::byte* VersionedTable::Find(Key key) const noexcept {
  const Version* newest = NewestOf(key);
  return newest == nullptr || newest->erased() ? nullptr : newest->row();
}

const std::byte* VersionedTable::At(std::uint32_t id, const Pin& pin) const noexcept {
  return Visible(VersionAt(NewestAt(id)), pin.bound());
}

const std::byte* VersionedTable::Find(Key key, const Pin& pin) const noexcept {
  const Version* newest = NewestOf(key);
  return newest == nullptr ? nullptr : Visible(*newest, pin.bound());
}

inline void VersionedTable::PrefetchVersion(const Version& version) const noexcept {
  const auto* at = reinterpret_cast<const std::byte*>(&version);
  const std::size_t bytes = std::min<std::size_t>(sizeof(Version) + row_bytes_, 512);
  for (std::size_t b = 0; b < bytes; b += 64) __builtin_prefetch(at + b);
  __builtin_prefetch(at + bytes - 1);
}

// For each key of a batch the version that the first equal tag leads to, which nearly always is its newest; null for
// none. Their memory has been asked for.
inline void VersionedTable::Locate(std::span<const Key> keys, const Version** newest) const noexcept {
  const Index& index = *index_.load(std::memory_order_acquire);
  const Chunk* home[kFetched];
  std::uint64_t tag[kFetched];
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t hash = Mix(keys[i]);
    tag[i] = TagOf(hash);
    home[i] = &index.Home(hash);
    __builtin_prefetch(home[i]);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (const std::uint32_t matches = home[i]->Matches(tag[i]); matches != 0) [[likely]] {
      newest[i] = &VersionAt(home[i]->versions[std::countr_zero(matches)].load(std::memory_order_acquire));
    } else {
      newest[i] = home[i]->passed() ? NewestOf(keys[i]) : nullptr;
      if (newest[i] == nullptr) continue;
    }
    PrefetchVersion(*newest[i]);
  }
}

void VersionedTable::FindMany(std::span<const Key> keys, const Pin& pin,
                              std::span<const std::byte*> out) const noexcept {
  assert(out.size() == keys.size());
  const Version* newest[kFetched];
  for (std::size_t begin = 0; begin < keys.size(); begin += kFetched) {
    const std::size_t n = std::min(kFetched, keys.size() - begin);
    Locate(keys.subspan(begin, n), newest);
    for (std::size_t i = 0; i < n; ++i) {
      const Version* version = newest[i];
      if (version != nullptr && version->key != keys[begin + i]) [[unlikely]]
        version = NewestOf(keys[begin + i]);
      out[begin + i] = version == nullptr ? nullptr : Visible(*version, pin.bound());
    }
  }
}

void VersionedTable::Prefetch(std::span<const Key> keys) const noexcept {
  const Version* newest[kFetched];
  for (std::size_t begin = 0; begin < keys.size(); begin += kFetched)
    Locate(keys.subspan(begin, std::min(kFetched, keys.size() - begin)), newest);
}

void VersionedTable::AtMany(std::span<const std::uint32_t> ids, const Pin& pin,
                            std::span<const std::byte*> out) const noexcept {
  assert(out.size() == ids.size());
  const Version* newest[kFetched];
  for (std::size_t begin = 0; begin < ids.size(); begin += kFetched) {
    const std::size_t n = std::min(kFetched, ids.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      newest[i] = &VersionAt(NewestAt(ids[begin + i]));
      PrefetchVersion(*newest[i]);
    }
    for (std::size_t i = 0; i < n; ++i) out[begin + i] = Visible(*newest[i], pin.bound());
  }
}

std::size_t VersionedTable::memory_bytes() const noexcept {
  std::size_t bytes = size() * sizeof(std::uint32_t) + (used_ - 1) * (sizeof(Version) + std::size_t{row_bytes_}) +
                      index_.load(std::memory_order_relaxed)->count * sizeof(Chunk) + free_.capacity() * 4 +
                      free_ids_.capacity() * 4 + retired_.size() * sizeof(Retired) + erased_.size() * sizeof(Erased) +
                      let_go_.size() * sizeof(LetGo);
  for (const auto& [stamp, index] : indexes_) bytes += index->count * sizeof(Chunk);
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
    if (id + 8 < n) PrefetchVersion(VersionAt(NewestAt(id + 8)));
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

namespace {

Error CorruptTable(const std::string& what) { return {ErrorCode::kCorrupt, "the table's bytes: " + what}; }

}  // namespace

template <typename Begin, typename EachChunk>
Status VersionedTable::ReadChunks(ByteSource& source, std::uint32_t row_bytes, Begin&& begin, EachChunk&& chunk) {
  GFR_ASSIGN(const std::string_view head, source.Next(kHeaderBytes));
  std::string header(head);
  if (header.compare(0, 8, kMagic) != 0) return CorruptTable("are not a table's");
  const std::uint32_t header_crc = Get<std::uint32_t>(header, 12);
  std::memset(header.data() + 12, 0, 4);
  if (header_crc != Crc32c(header.data(), header.size())) return CorruptTable("the header is not what was written");
  if (const auto bytes = Get<std::uint32_t>(header, 8); bytes != row_bytes)
    return CorruptTable("rows of " + std::to_string(bytes) + " bytes, and not of " + std::to_string(row_bytes));
  const std::size_t record = 16 + std::size_t{row_bytes};
  begin(std::min({Get<std::uint64_t>(header, 16), source.remaining() / record, std::uint64_t{kNoId - 1}}));

  for (std::uint32_t all_crc = 0;;) {
    GFR_ASSIGN(const std::string_view chunk_head, source.Next(kChunkHeaderBytes));
    const auto rows = Get<std::uint32_t>(chunk_head, 0), crc = Get<std::uint32_t>(chunk_head, 4);
    if (rows == 0) {
      if (crc != all_crc) return CorruptTable("chunks are missing or not in their order");
      return {};
    }
    if (rows > kMaxChunkRows) return CorruptTable("a chunk of " + std::to_string(rows) + " rows");
    all_crc = Crc32c(&crc, 4, all_crc);
    GFR_ASSIGN(const std::string_view body, source.Next(rows * record));
    if (crc != Crc32c(body.data(), body.size())) return CorruptTable("a chunk is not what was written");
    GFR_TRY(chunk(rows, body));
  }
}

Status VersionedTable::Restore(ByteSource& source) {
  assert(size() == 0 && timeline_.exclusive());
  const std::size_t record = 16 + std::size_t{row_bytes_};
  return ReadChunks(
      source, row_bytes_, [&](std::uint64_t rows) { Reserve(static_cast<std::uint32_t>(rows)); },
      [&](std::uint32_t rows, std::string_view body) -> Status {
        for (std::uint32_t r = 0; r < rows; ++r) {
          const Index& index = *index_.load(std::memory_order_relaxed);
          if (r + kFetched < rows) __builtin_prefetch(&index.Home(Mix(Get<Key>(body, (r + kFetched) * record))), 1);
          const Key key = Get<Key>(body, r * record);
          const auto stamp = Get<std::int64_t>(body, r * record + 8);
          if (key == 0 || stamp == std::numeric_limits<std::int64_t>::max() || IdOf(key) != kNoId)
            return CorruptTable("an entity that cannot be, or comes twice");
          timeline_.NoteRestored(stamp);
          std::memcpy(Add(key, stamp).row(), body.data() + r * record + 16, row_bytes_);
        }
        return {};
      });
}

Status VersionedTable::ReadSaved(ByteSource& source, std::uint32_t row_bytes,
                                 const std::function<void(Key, std::string_view)>& each) {
  const std::size_t record = 16 + std::size_t{row_bytes};
  return ReadChunks(
      source, row_bytes, [](std::uint64_t) {},
      [&](std::uint32_t rows, std::string_view body) -> Status {
        for (std::uint32_t r = 0; r < rows; ++r)
          each(Get<Key>(body, r * record), body.substr(r * record + 16, row_bytes));
        return {};
      });
}

}  // namespace gfr
