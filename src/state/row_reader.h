// RowReader: how a request gets the state rows of many entities at one instant, wherever they are kept: in this
// process's VersionedTables (embedded) or in a Redis that the owning process publishes them to (redis_rows.h).
//
// One reader is of one timeline: its tables are numbered as their owner binds them. A lost server is never an error:
// rows are missing, the lease says `degraded`, and a Fetch takes no longer than the reader's timeout.
// Thread safety: Fetch from any thread, with a lease of the caller's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "state/timeline.h"
#include "state/versioned_table.h"

namespace gfr {

// Keys to look up in one table, and where their rows are to be put: null is an entity that has none (key 0 never has).
// REQUIRES: as many rows as keys.
struct RowQuery {
  std::uint32_t table;
  std::span<const Key> keys;
  std::span<const std::byte*> rows;
};

// What a Fetch gave: rows are good until the lease is fetched into again or destroyed. Keep it for the request, and use
// it again for the next one: its memory stays.
class RowLease {
 public:
  // The rows are as of this stamp; Timeline::kNothing: nothing was published, or nobody answered.
  std::int64_t bound() const noexcept { return bound_; }
  // Some rows are missing that may exist.
  bool degraded() const noexcept { return degraded_; }

 private:
  friend class EmbeddedRowReader;
  friend class RedisRowReader;
  std::int64_t bound_ = Timeline::kNothing;
  bool degraded_ = false;
  std::optional<Pin> pin_;
  std::vector<std::vector<std::uint64_t>> copies_;  // Of a Redis' rows; one a Fetch or FetchMore.
  std::size_t copied_ = 0;                          // In use.
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  // Finds the rows of all queries at one bound.
  virtual void Fetch(std::span<const RowQuery> queries, RowLease* lease) = 0;
  // Further rows at the bound of the lease, whose earlier rows stay good. REQUIRES: Fetch gave the lease.
  virtual void FetchMore(std::span<const RowQuery> queries, RowLease* lease) = 0;
  // Stamp of a row that Fetch gave: of the entity's last change up to the bound.
  static std::int64_t StampOf(const std::byte* row) noexcept { return VersionedTable::StampOf(row); }
};

class EmbeddedRowReader final : public RowReader {
 public:
  // REQUIRES: timeline and tables outlive it.
  EmbeddedRowReader(Timeline& timeline, std::vector<const VersionedTable*> tables)
      : timeline_(timeline), tables_(std::move(tables)) {}
  void Fetch(std::span<const RowQuery> queries, RowLease* lease) override {
    lease->pin_.reset();
    lease->pin_.emplace(timeline_.Hold());
    lease->bound_ = lease->pin_->bound();
    lease->degraded_ = false;
    FetchMore(queries, lease);
  }
  void FetchMore(std::span<const RowQuery> queries, RowLease* lease) override {
    for (const RowQuery& query : queries) tables_[query.table]->FindMany(query.keys, *lease->pin_, query.rows);
  }

 private:
  Timeline& timeline_;
  const std::vector<const VersionedTable*> tables_;
};

// The writer's own look at what it wrote, published or not: for a replay, which has no other readers.
class NewestRowReader final : public RowReader {
 public:
  explicit NewestRowReader(std::vector<const VersionedTable*> tables) : tables_(std::move(tables)) {}
  void Fetch(std::span<const RowQuery> queries, RowLease* lease) override { FetchMore(queries, lease); }
  void FetchMore(std::span<const RowQuery> queries, RowLease*) override {
    for (const RowQuery& query : queries) {
      for (std::size_t i = 0; i < query.keys.size(); ++i)
        query.rows[i] = query.keys[i] ? tables_[query.table]->Find(query.keys[i]) : nullptr;
    }
  }

 private:
  const std::vector<const VersionedTable*> tables_;
};

}  // namespace gfr
