// VersionedTable: an entity's state bytes by key, with one writer and any number of readers that never wait.
//
// A reader sees, for every key, the newest version whose stamp is at most its pin's bound; tables of one Timeline are
// seen at the same instant. The writer copies a row only the first time that it changes it after a Publish (the visible
// version is somebody's), and writes in place until the next one. A version that no pin can see is used again by the
// writer's next copies. State bytes are plain memory: a visible version never changes.
//
// Entities have dense 32-bit ids in the order of their first write; an erased one's id, row and place in the index are
// used again once no pin can have come to them. Rows lie in large chunks that never move (huge pages where the system
// allows them). Bytes an entity: 16 (key, newest version) + 16 (stamp, older version) + row_bytes + 10.7 to 16 of
// index, and one more version (16 + row_bytes) for an entity that was written since pins let go of it.
//
// Thread safety: what takes a Pin, from any thread, while that pin is held; all else from the writer's thread.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/byte_stream.h"
#include "store/timeline.h"

namespace gfr {

// Memory by number, in chunks that double and never move; zero when new, and touched only when used.
class StableArray {
 public:
  explicit StableArray(std::size_t stride) : stride_(stride) {}
  StableArray(const StableArray&) = delete;
  ~StableArray();
  void Ensure(std::uint32_t i);  // Makes the chunk of entry `i`. Throws std::bad_alloc.
  std::byte* operator[](std::uint32_t i) const noexcept {
    const int width = std::bit_width(i | (kFirst - 1));
    const std::uint32_t base = i < kFirst ? 0 : 1u << (width - 1);
    return chunks_[width - kFirstBits].load(std::memory_order_acquire) + (i - base) * stride_;
  }

 private:
  static constexpr int kFirstBits = 10;
  static constexpr std::uint32_t kFirst = 1u << kFirstBits;
  std::size_t ChunkBytes(int chunk) const;
  const std::size_t stride_;
  std::atomic<std::byte*> chunks_[33 - kFirstBits] = {};
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
  // Every id is below it, those of erased entities and of rows that no pin sees yet among them. From any thread.
  std::uint32_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  // Of an id whose row a pin sees, while it is held; the writer's: of any id, 0 when it is nobody's.
  Key KeyAt(std::uint32_t id) const noexcept { return EntityAt(id).key; }
  // Stamp of a row that a Find gave.
  static std::int64_t StampOf(const std::byte* row) noexcept {
    return reinterpret_cast<const Version*>(row)[-1].stamp.load(std::memory_order_relaxed);
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

 private:
  struct Entity {
    Key key;
    std::atomic<std::uint32_t> newest;  // A version; 0: erased and let go, and not in the index.
  };
  struct Version {
    std::atomic<std::int64_t> stamp;  // Goes up while it is unpublished.
    std::uint32_t older;              // A version; looked at only by readers that may not see this one.
    std::uint32_t erased;
    std::byte* row() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  };
  static_assert(sizeof(Entity) == 16 && sizeof(Version) == 16);
  // Open addressing, linear probing; a slot is 32 bits of hash (never 0) and id + 1; 0: empty, and no key that passes
  // here lies behind it; kRemoved: free, and one may. The first slots are there once more behind the last.
  static constexpr int kMirrored = 4;
  static constexpr std::uint64_t kRemoved = 1;
  struct Index {
    explicit Index(std::uint64_t capacity);
    ~Index();
    std::uint64_t After(std::uint64_t at) const noexcept { return at + 1 == capacity ? 0 : at + 1; }
    std::uint64_t At(std::uint64_t at) const noexcept { return slots[at].load(std::memory_order_relaxed); }
    void Set(std::uint64_t at, std::uint64_t slot) noexcept;
    std::uint64_t capacity;
    std::uint64_t used = 0;  // Slots that are not empty.
    std::atomic<std::uint64_t>* slots;
  };
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

  Entity& EntityAt(std::uint32_t id) const noexcept { return *reinterpret_cast<Entity*>(entities_[id]); }
  Version& VersionAt(std::uint32_t v) const noexcept { return *reinterpret_cast<Version*>(version_memory_[v]); }
  static void Insert(Index& index, Key key, std::uint32_t id) noexcept;
  void Remove(Key key, std::uint32_t id) noexcept;
  void Locate(std::span<const Key> keys, const Entity** entity) const noexcept;
  void Gather(std::span<const Entity* const> entities, std::int64_t bound, const std::byte** out) const noexcept;
  const std::byte* Visible(std::uint32_t version, std::int64_t bound) const noexcept;
  Version& Renew(std::uint32_t id, std::int64_t stamp, bool copy);
  std::uint32_t Add(Key key);
  std::uint32_t Allocate();
  void Recycle();
  void FreeId(std::uint32_t id);
  void GrowIndex(std::uint64_t entities);

  Timeline& timeline_;
  const std::uint32_t row_bytes_;
  StableArray entities_, version_memory_;
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
