// VersionedTable: an entity's state bytes by key, with one writer and any number of readers that never wait.
//
// A reader sees, for every key, the newest version whose stamp is at most its pin's bound; tables of one Timeline are
// seen at the same instant. The writer copies a row only the first time that it changes it after a Publish (the visible
// version is somebody's), and writes in place until the next one. A version that no pin can see is used again by the
// writer's next copies. State bytes are plain memory: a visible version never changes.
//
// Entities have dense 32-bit ids in the order of their first write; an erased one's id, row and place in the index are
// used again once no pin can have come to them. Rows lie in large chunks that never move (huge pages where the system
// allows them). Bytes an entity: 4 (its newest version) + 24 (stamp, key, older version, id) + row_bytes + 7.1 to 10.7
// of index, and one more version (24 + row_bytes) for an entity that was written since pins let go of it.
//
// Thread safety: what takes a Pin, from any thread, while that pin is held; all else from the writer's thread.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "state/byte_stream.h"
#include "state/timeline.h"

namespace gfr {

// Memory by number, in chunks that never move; zero when new, and touched only when used.
class StableArray {
  static constexpr int kChunkBits = 16;

 public:
  static constexpr std::uint32_t kChunk = 1u << kChunkBits;  // Entries of a chunk.

  explicit StableArray(std::size_t stride);
  StableArray(const StableArray&) = delete;
  ~StableArray();
  void Ensure(std::uint32_t i);  // Makes the chunk of entry `i`, after those before it. Throws std::bad_alloc.
  std::byte* operator[](std::uint32_t i) const noexcept {
    return chunks_[i >> kChunkBits].load(std::memory_order_acquire) + (i & (kChunk - 1)) * stride_;
  }

 private:
  static constexpr std::size_t kChunks = std::size_t{1} << (32 - kChunkBits);
  const std::size_t stride_;
  std::atomic<std::byte*>* const chunks_;
};

class VersionedTable {
 public:
  static constexpr std::uint32_t kNoId = 0xffffffffu;

  // REQUIRES: row_bytes is a multiple of 8; the timeline outlives the table.
  VersionedTable(Timeline& timeline, std::uint32_t row_bytes);
  VersionedTable(const VersionedTable&) = delete;
  ~VersionedTable();

  // --- The writer.
  // The row to change, zero when new; good until the next Write, Erase or Publish. REQUIRES: key != 0; the stamp is
  // above what is published (unless exclusive) and not below an earlier write's.
  std::byte* Write(Key key, std::int64_t stamp);
  // From `stamp` on the key has no row. Its bytes and its id go when no pin can see them: a key that is written again
  // may get another id.
  void Erase(Key key, std::int64_t stamp);
  // Newest version, published or not; null when there is none.
  const std::byte* Find(Key key) const noexcept;
  const std::byte* At(std::uint32_t id) const noexcept;
  void Reserve(std::uint32_t entities);
  // Asks for the memory of the newest rows of a few keys, all at once, before they are written one by one.
  void Prefetch(std::span<const Key> keys) const noexcept;

  // --- Readers.
  const std::byte* Find(Key key, const Pin& pin) const noexcept;
  // out[i] = Find(keys[i], pin), with the memory of a batch fetched at once. Key 0 is null.
  void FindMany(std::span<const Key> keys, const Pin& pin, std::span<const std::byte*> out) const noexcept;
  // The same by id, for scans and for callers that keep ids. REQUIRES: each id < size().
  const std::byte* At(std::uint32_t id, const Pin& pin) const noexcept;
  void AtMany(std::span<const std::uint32_t> ids, const Pin& pin, std::span<const std::byte*> out) const noexcept;
  // kNoId: not written, or erased. A reader needs a pin here, too, and the id is the key's while it is held.
  std::uint32_t IdOf(Key key) const noexcept;
  static std::uint32_t IdOf(const std::byte* row) noexcept {  // Of a row that one of its finds gave.
    return (reinterpret_cast<const Version*>(row) - 1)->id();
  }
  // Every id is below it, those of erased entities and of rows that no pin sees yet among them. From any thread.
  std::uint32_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  // Of an id whose row a pin sees, while it is held; the writer's: of any id, 0 when it is nobody's.
  Key KeyAt(std::uint32_t id) const noexcept { return VersionAt(NewestAt(id)).key; }
  // Stamp of a row that a Find gave, or of a copy of one with the kStampBefore bytes before it.
  static constexpr std::size_t kStampBefore = 16;
  static std::int64_t StampOf(const std::byte* row) noexcept {
    return reinterpret_cast<const std::atomic<std::int64_t>*>(row - kStampBefore)->load(std::memory_order_relaxed);
  }

  std::uint32_t row_bytes() const noexcept { return row_bytes_; }
  // Of the writer's thread.
  std::size_t memory_bytes() const noexcept;
  std::uint32_t entities() const noexcept { return live_; }                   // Those erased but not let go among them.
  std::size_t versions() const noexcept { return used_ - 1 - free_.size(); }  // In use: visible, or not yet let go.

  // --- Snapshots (docs/formats/table.md). Save runs beside the writer and writes the rows that the pin sees, in the
  // order of their ids. Restore fills a table that is empty, of the same row_bytes, while its timeline is exclusive;
  // kCorrupt: not what was written, and the table is not to be used.
  Status Save(const Pin& pin, const ByteSink& sink) const;
  Status Restore(ByteSource& source);
  // Goes over what Save wrote without making a table. kCorrupt as of Restore, but for a key that comes twice.
  static Status ReadSaved(ByteSource& source, std::uint32_t row_bytes,
                          const std::function<void(Key key, std::string_view row)>& each);

 private:
  // `begin` gets the greatest number of rows; `chunk` their records, whole chunks of them.
  template <typename Begin, typename EachChunk>
  static Status ReadChunks(ByteSource& source, std::uint32_t row_bytes, Begin&& begin, EachChunk&& chunk);
  struct Version {
    Key key;
    std::atomic<std::int64_t> stamp;  // Goes up while it is unpublished.
    std::uint32_t older;              // A version; looked at only by readers that may not see this one.
    std::atomic<std::uint32_t> of;    // The entity's id; kErased: from the stamp on it has no row.
    std::uint32_t id() const noexcept { return of.load(std::memory_order_relaxed) & ~kErased; }
    bool erased() const noexcept { return (of.load(std::memory_order_relaxed) & kErased) != 0; }
    std::byte* row() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    const std::byte* row() const noexcept { return reinterpret_cast<const std::byte*>(this + 1); }
  };
  static constexpr std::uint32_t kErased = 0x80000000u;
  static_assert(sizeof(Version) == 8 + kStampBefore);
  // Newest versions by key, in chunks of a cache line, after Folly's F14 (github.com/facebook/folly, container/F14.md):
  // a byte of hash a slot, so that one comparison finds the slot; a chunk that is full counts the keys that went on to
  // the next ones, so that a search knows its end and a key can leave.
  struct alignas(64) Chunk {
    static constexpr int kSlots = 12;
    std::atomic<std::uint64_t> tags[2];  // A byte a slot, 0: free. The second's upper half: keys that went on.
    std::atomic<std::uint32_t> versions[kSlots];
    std::uint32_t Matches(std::uint64_t tag) const noexcept;  // A bit a slot.
    bool passed() const noexcept { return tags[1].load(std::memory_order_relaxed) >> 32 != 0; }
    void SetTag(int slot, std::uint64_t tag) noexcept;
    void Pass(std::int64_t keys) noexcept;
  };
  struct Index {
    explicit Index(std::uint64_t entities);
    ~Index();
    Chunk& Home(std::uint64_t hash) const noexcept;
    Chunk& After(Chunk& chunk) const noexcept;
    void Insert(std::uint64_t hash, std::uint32_t version) noexcept;
    std::uint64_t capacity() const noexcept { return count * Chunk::kSlots; }
    std::uint64_t count;
    Chunk* chunks;
  };
  using Slot = std::atomic<std::uint32_t>;
  struct Retired {
    std::int64_t stamp;  // Of the version over it.
    std::uint32_t version;
  };
  struct Erased {
    std::int64_t stamp;
    std::uint32_t id;
  };
  struct LetGo {  // Out of the index, and of its entity; who came to it before may still look.
    std::int64_t published;
    std::uint32_t id, version;
  };

  Version& VersionAt(std::uint32_t v) const noexcept { return *reinterpret_cast<Version*>(version_memory_[v]); }
  std::atomic<std::uint32_t>& EntityAt(std::uint32_t id) const noexcept {
    return *reinterpret_cast<std::atomic<std::uint32_t>*>(entities_[id]);
  }
  std::uint32_t NewestAt(std::uint32_t id) const noexcept { return EntityAt(id).load(std::memory_order_acquire); }
  const Version* NewestOf(Key key, Slot** slot = nullptr) const noexcept;
  void Locate(std::span<const Key> keys, const Version** newest) const noexcept;
  void PrefetchVersion(const Version& version) const noexcept;
  const std::byte* Visible(const Version& newest, std::int64_t bound) const noexcept;
  const std::byte* VisibleOlder(std::uint32_t version, std::int64_t bound) const noexcept;
  Version& Add(Key key, std::int64_t stamp);
  Version& Renew(Slot& slot, std::int64_t stamp, bool copy);
  void Remove(Key key) noexcept;
  std::uint32_t Allocate();
  void Recycle();
  void Grow(std::uint64_t entities);

  Timeline& timeline_;
  const std::uint32_t row_bytes_;
  StableArray entities_;  // The newest version; 0: erased and let go, and not in the index.
  StableArray version_memory_;
  std::atomic<Index*> index_;
  std::atomic<std::uint32_t> size_{0};
  // The writer's own.
  std::uint32_t used_ = 1;  // Version 0 is none.
  std::uint32_t live_ = 0;  // Entities in the index.
  std::vector<std::uint32_t> free_, free_ids_;
  std::deque<Retired> retired_;                                           // By stamp.
  std::deque<Erased> erased_;                                             // By stamp; some are written again since.
  std::deque<LetGo> let_go_;                                              // By published.
  std::vector<std::pair<std::int64_t, std::unique_ptr<Index>>> indexes_;  // Old ones, and what was published then.
};

// A row that was written, of a table by its number among those of its timeline.
struct RowChange {
  std::uint32_t table;
  Key key;
  bool erased = false;  // It was erased, even when it was written again since: nothing older stays in Redis.
};

}  // namespace gfr
